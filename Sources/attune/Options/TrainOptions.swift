// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneTraining

/// What a person can choose about a run; what is absent is chosen from the data and the memory.
struct TrainOptions: ParsableArguments {
    @Option(help: "The base to adapt.") var base: String?
    @Option(\.epochs, help: "Passes over the data; 0.5 is half a pass.") var epochs: Double?
    @Option(\.rank, help: "Inner width R of the adapter.") var rank: Int?
    @Option(\.alpha, help: "Alpha; the scale is alpha / rank.") var alpha: Float?
    @Flag(\.rankStabilized, help: "Scale by alpha / √rank (rsLoRA).") var rslora = false
    @Option(\.dropout, help: "Dropout before A, 0 up to 1.") var dropout: Float?
    @Option(\.modules, help: "Comma-separated: q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj or all.")
    var modules: String?
    @Option(\.layers, help: "all, last:K, 0-9 or 3,5,7.") var layers: String?
    @Option(\.learningRate, help: "Peak learning rate.") var learningRate: Double?
    @Option(\.schedule, help: "constant, linear or cosine.") var schedule: String?
    @Option(\.warmupRatio, help: "Share of the steps that warm up.") var warmup: Double?
    @Option(\.clip, help: "Largest norm of the gradient; 0 is off.") var clip: Double?
    @Option(\.weightDecay, help: "Weight decay of AdamW.") var weightDecay: Double?
    @Option(\.optimizer, help: "adamw, or adamw8bit, whose moments take a quarter of the memory.")
    var optimizer: Optimizer?
    @Option(\.maxLength, help: "Tokens of one row.") var maxLength: Int?
    @Option(\.batch, help: "Rows of one micro-batch.") var batch: Int?
    @Option(\.accumulation, help: "Micro-batches of one step.") var accumulate: Int?
    @Option(\.packing, help: "documents (never mixes them) or wrapped (cuts the joined text anywhere).") var packing:
        Packing?
    @Option(\.seed, help: "Seed of initialisation, order and dropout.") var seed: UInt64?
    @Option(\.validationFraction, help: "Share of the documents kept for validation, such as 10%.") var valid: String?
    @Option(\.evaluateEvery, help: "Steps between two validations.") var evaluateEvery: Int?
    @Option(\.patience, help: "Stop after so many validations without a better one; 0 never stops.") var patience: Int?
    @Option(\.precision, help: "bfloat16 or float32.") var precision: Precision?
    @Option(\.checkpointing, help: "Recompute activations in the backward pass: on or off.") var checkpointing: Switch?
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
        var request = TrainingRequest(adapters: adapters, wishes: try wishes())
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

    private func wishes() throws -> AutoSettings.Wishes {
        var wishes = AutoSettings.Wishes()
        wishes.rank = rank
        wishes.alpha = alpha
        wishes.rankStabilized = rslora ? true : nil
        wishes.dropout = dropout
        wishes.modules = try targets()
        wishes.epochs = epochs
        wishes.learningRate = learningRate
        if let schedule {
            guard let shape = LearningRateSchedule.Shape(rawValue: schedule) else {
                throw ValidationError("--schedule takes cosine, linear or constant; not \(schedule)")
            }
            wishes.schedule = shape
        }
        wishes.warmupRatio = warmup
        wishes.maxLength = maxLength
        wishes.batch = batch
        wishes.accumulation = accumulate
        wishes.clip = clip
        wishes.weightDecay = weightDecay
        wishes.optimizer = optimizer
        wishes.seed = seed
        if let valid {
            guard let share = Quantity.share(valid) else {
                throw ValidationError("--valid takes a share such as 10%; not \(valid)")
            }
            wishes.validationFraction = share
        }
        wishes.evaluateEvery = evaluateEvery
        wishes.patience = patience
        wishes.precision = precision
        wishes.checkpointing = checkpointing.map { $0 == .on }
        wishes.packing = packing
        return wishes
    }

    private func targets() throws -> [TargetModule]? {
        guard let modules, modules != "all" else { return modules == nil ? nil : TargetModule.allCases }
        return try modules.split(separator: ",").map { name in
            guard let module = TargetModule(name: String(name)) else {
                let known = TargetModule.allCases.map(\.projectionName).joined(separator: ", ")
                throw ValidationError("--modules: there is no \(name); known are \(known)")
            }
            return module
        }
    }
}

extension Option {
    /// The option of a setting; `Given` is how a person writes its value.
    init<Chosen, Given: ExpressibleByArgument>(
        _ setting: KeyPath<TrainingSettings, TrainingSetting<Chosen>>, help: ArgumentHelp
    ) where Value == Given? {
        self.init(name: .customLong(TrainingSettings.table[keyPath: setting].flag), help: help)
    }
}

extension Flag<Bool> {
    /// The flag of a setting that is off where nobody asks for it.
    init(
        wrappedValue: Bool, _ setting: KeyPath<TrainingSettings, TrainingSetting<Bool>>, help: ArgumentHelp
    ) {
        self.init(
            wrappedValue: wrappedValue, name: .customLong(TrainingSettings.table[keyPath: setting].flag), help: help)
    }
}

extension Packing: ExpressibleByArgument {}
extension Optimizer: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
