// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit

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
    @Option(help: "documents (never mixes them) or wrapped (cuts the joined text anywhere).")
    var packing: Packing?
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

extension TrainOptions {
    /// What these flags ask for.
    ///
    /// - Parameter also: `NAME=PATH` of further adapters; a name that comes again has several paths.
    /// - Throws: `ValidationError` naming the flag whose value cannot be read.
    func request(paths: [String], name: String, also: [String] = []) throws -> TrainingRequest {
        var adapters = [TrainingRequest.Adapter(name: name, paths: paths, from: from)]
        for text in also {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, !text.hasPrefix("=") else {
                throw ValidationError("--also takes NAME=PATH, such as letters=mail/; not \(text)")
            }
            guard parts[0] != name else { throw ValidationError("--also \(text): \(name) is trained already") }
            if let index = adapters.firstIndex(where: { $0.name == parts[0] }) {
                adapters[index].paths.append(parts[1])
            } else {
                adapters.append(.init(name: parts[0], paths: [parts[1]]))
            }
        }
        var request = TrainingRequest(adapters: adapters)
        try set(&request)
        request.base = base
        request.skipBad = skipBad
        if let layers {
            guard let selection = LayerSelection(layers) else {
                throw ValidationError("--layers takes all, last:10, 0-9 or 3,5,7; not \(layers)")
            }
            request.layers = selection
        }
        request.memoryLimit = memoryLimit
        request.trunkCache = trunkCache
        return request
    }

    /// Seconds of `--time-limit`.
    func seconds() throws -> Double? {
        guard let timeLimit else { return nil }
        guard let seconds = Quantity.seconds(timeLimit) else {
            throw ValidationError("--time-limit takes a duration such as 90m or 2h; not \(timeLimit)")
        }
        return seconds
    }

    private func set(_ request: inout TrainingRequest) throws {
        request.set("rank", to: rank)
        request.set("alpha", to: alpha)
        request.set("rslora", to: rslora ? true : nil)
        request.set("dropout", to: dropout)
        if let modules {
            let names =
                modules == "all" ? TrainingRequest.moduleNames : modules.split(separator: ",").map(String.init)
            if let unknown = request.adapt(modules: names) {
                let known = TrainingRequest.moduleNames.joined(separator: ", ")
                throw ValidationError("--modules: there is no \(unknown); known are \(known)")
            }
        }
        request.set("epochs", to: epochs)
        request.set("lr", to: learningRate)
        guard request.set("schedule", to: schedule) else {
            throw ValidationError("--schedule takes cosine, linear or constant; not \(schedule ?? "")")
        }
        request.set("warmup", to: warmup)
        request.set("max-len", to: maxLength)
        request.set("batch", to: batch)
        request.set("accumulate", to: accumulate)
        request.set("clip", to: clip)
        request.set("weight-decay", to: weightDecay)
        request.set("optimizer", to: optimizer)
        request.set("seed", to: seed)
        if let valid {
            guard let share = Quantity.share(valid) else {
                throw ValidationError("--valid takes a share such as 10%; not \(valid)")
            }
            request.set("valid", to: share)
        }
        request.set("evaluate-every", to: evaluateEvery)
        request.set("patience", to: patience)
        request.set("precision", to: precision)
        request.set("checkpointing", to: checkpointing.map { $0 == .on })
        request.set("packing", to: packing)
    }
}

extension Packing: ExpressibleByArgument {}
extension Optimizer: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
