// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneAdapter
import AttuneKit
import AttuneTraining

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
