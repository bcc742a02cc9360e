// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneAdapter
import AttuneKit
import AttuneTensor
import AttuneTraining

/// What a person can choose about a run; what is absent is chosen from the data and the memory.
struct TrainOptions: ParsableArguments {
    @Option(help: "The base to adapt.") var base: String?
    @Option(help: "Passes over the data; 0.5 is half a pass.") var epochs: Double?
    @Option(help: "Inner width R of the adapter.") var rank: Int?
    @Option(help: "Alpha; the scale is alpha / rank.") var alpha: Float?
    @Flag(help: "Scale by alpha / √rank (rsLoRA).") var rslora = false
    @Option(help: "Dropout before A, 0 up to 1.") var dropout: Float?
    @Option(help: "Comma-separated: q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj or all.")
    var modules: String?
    @Option(help: "all, last:K, 0-9 or 3,5,7.") var layers: String?
    @Option(name: .customLong("lr"), help: "Peak learning rate.") var learningRate: Double?
    @Option(help: "constant, linear or cosine.") var schedule: String?
    @Option(help: "Share of the steps that warm up.") var warmup: Double?
    @Option(help: "Largest norm of the gradient; 0 is off.") var clip: Double?
    @Option(help: "Weight decay of AdamW.") var weightDecay: Double?
    @Option(help: "adamw, or adamw8bit, whose moments take a quarter of the memory.")
    var optimizer: Optimizer?
    @Option(name: .customLong("max-len"), help: "Tokens of one row.") var maxLength: Int?
    @Option(help: "Rows of one micro-batch.") var batch: Int?
    @Option(help: "Micro-batches of one step.") var accumulate: Int?
    @Option(help: "documents (never mixes them) or wrapped (cuts the joined text anywhere).") var packing: Packing?
    @Option(help: "Seed of initialisation, order and dropout.") var seed: UInt64?
    @Option(help: "Share of the documents kept for validation, such as 10%.") var valid: String?
    @Option(help: "Steps between two validations.") var evaluateEvery: Int?
    @Option(help: "Stop after so many validations without a better one; 0 never stops.") var patience: Int?
    @Option(help: "bfloat16 or float32.") var precision: Precision?
    @Option(help: "Recompute activations in the backward pass: on or off.") var checkpointing: Switch?
    @Option(help: "Stop after so long, such as 90m or 2h.") var timeLimit: String?
    @Option(help: "Use at most so much memory, such as 4G.", transform: memorySize) var memoryLimit: Int?
    @Option(
        help: "Most disk for what the layers below the adapted ones give, such as 2G; sealed. 0 keeps none.",
        transform: diskSize)
    var trunkCache: Int?
    @Option(help: "Start from an adapter, such as notes@3.") var from: String?
    @Flag(help: "Leave bad rows out, counted and listed.") var skipBad = false

    enum Switch: String, ExpressibleByArgument, CaseIterable {
        case on, off
    }
}

extension Packing: ExpressibleByArgument {}
extension Optimizer: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
