// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

extension MemoryPlan {
    /// Settings that fit, and what was changed to get there.
    package struct Fitting: Sendable {
        package let configuration: TrainingConfiguration
        package let plan: MemoryPlan
        /// One sentence with numbers for each change, cheapest first; empty if all fits as it is.
        package let changes: [String]
    }

    /// How given settings run fastest within the limits; what is chosen changes no result but for the order of sums.
    ///
    /// - Parameters:
    ///   - adapters: how many are trained in the same passes.
    ///   - checkpointing: whether activations are computed again; nil chooses how many layers do.
    ///   - fixedPasses: keeps the blocks of a pass, for a run that goes on.
    /// - Returns: the configuration with its passes and kept layers, and its plan, which may not fit.
    package static func fastest(
        model: BaseModel, layout: LoRALayout? = nil, configuration: TrainingConfiguration, longest: Int,
        machine: Machine, adapters: Int = 1, checkpointing: Bool? = nil, fixedPasses: Bool = false
    ) -> (configuration: TrainingConfiguration, plan: MemoryPlan) {
        let chooser = MemoryChooser(
            model: model, configuration: configuration, layout: layout, longest: longest, machine: machine,
            adapters: adapters, checkpointing: checkpointing)
        let choice = chooser.fastest(configuration, fixedPasses: fixedPasses)
        return (choice.configuration, choice.plan)
    }

    /// The cheapest changes that make a run fit: first those that only cost time, then those that change results.
    ///
    /// In order: recompute activations; moments of 8 bits; shorten blocks; lower the rank.
    /// - Throws: `TrainingError` E-TRAIN-005 with the least that it takes where nothing helps.
    package static func fitting(
        model: BaseModel, configuration: TrainingConfiguration, longest: Int, machine: Machine,
        adapters: Int = 1, checkpointing: Bool? = nil
    ) throws(TrainingError) -> Fitting {
        var checkpointing = checkpointing
        var changes: [String] = []
        func run(_ configuration: TrainingConfiguration) -> (configuration: TrainingConfiguration, plan: MemoryPlan) {
            fastest(
                model: model, configuration: configuration, longest: longest, machine: machine,
                adapters: adapters, checkpointing: checkpointing)
        }
        var current = run(configuration)
        func change(_ text: String, _ body: (inout TrainingConfiguration) -> Void) {
            var settings = current.configuration
            body(&settings)
            let next = run(settings)
            changes.append(
                "\(text): \(Quantity.text(bytes: next.plan.total)) instead of \(Quantity.text(bytes: current.plan.total))"
            )
            current = next
        }
        if !current.plan.fits, checkpointing == false {
            checkpointing = nil
            change("compute activations again where keeping them does not fit (up to half slower)") { _ in }
        }
        if !current.plan.fits, current.configuration.optimizer == .adamw {
            change("moments of 8 bits") { $0.optimizer = .adamw8bit }
        }
        while !current.plan.fits, current.configuration.maxLength > 128 {
            let length = max(128, min(current.configuration.maxLength, longest) / 2)
            change("blocks of \(length) tokens") { $0.maxLength = length }
        }
        while !current.plan.fits, current.configuration.lora.rank > 4 {
            let rank = max(4, current.configuration.lora.rank / 2)
            change("rank \(rank)") { settings in
                let scale = settings.lora.alpha / Float(settings.lora.rank)
                settings.lora.rank = rank
                settings.lora.alpha = scale * Float(rank)
            }
        }
        guard current.plan.fits else { throw .doesNotFit(needed: current.plan.total, limits: machine.limits) }
        return Fitting(configuration: current.configuration, plan: current.plan, changes: changes)
    }
}

extension TrainingConfiguration {
    /// The flags of `attune train` for what differs from `other` among the settings that a person may have to change.
    func memoryFlags(changedFrom other: TrainingConfiguration) -> String {
        let table = TrainingSettings.table
        var flags: [String] = []
        if checkpointing, !other.checkpointing { flags.append("--\(table.checkpointing.flag) on") }
        if optimizer != other.optimizer { flags.append("--\(table.optimizer.flag) \(optimizer.rawValue)") }
        if maxLength != other.maxLength { flags.append("--\(table.maxLength.flag) \(maxLength)") }
        if lora.rank != other.lora.rank {
            flags.append("--\(table.rank.flag) \(lora.rank) --\(table.alpha.flag) \(lora.alpha)")
        }
        return flags.joined(separator: " ")
    }
}
