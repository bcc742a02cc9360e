// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

extension MemoryPlan {
    /// Settings that fit, and what was changed to get there.
    package struct Fitting: Sendable {
        package let configuration: TrainingConfiguration
        package let plan: MemoryPlan
        /// One sentence with numbers for each change, cheapest first; empty where all fits as it is.
        package let changes: [String]
    }

    /// The cheapest changes that make a run fit: first those that only cost time, then those that change results.
    ///
    /// In order: recompute activations; halve the batch and double the accumulation; shorten blocks; lower the rank.
    /// - Throws: `TrainingError` E-TRAIN-005 where nothing helps.
    package static func fitting(
        model: BaseModel, configuration: TrainingConfiguration, longest: Int, limits: MemoryLimits,
        threads: Int = Kernels.threads
    ) throws(TrainingError) -> Fitting {
        var settings = configuration
        var changes: [String] = []
        func plan() -> MemoryPlan {
            MemoryPlan(model: model, configuration: settings, longest: longest, limits: limits, threads: threads)
        }
        let wanted = plan()
        var current = wanted
        func note(_ text: String) {
            let next = plan()
            changes.append("\(text): \(Bytes.text(next.total)) instead of \(Bytes.text(current.total))")
            current = next
        }
        if !current.fits, !settings.checkpointing {
            settings.checkpointing = true
            note("compute activations again instead of keeping them (about a third slower)")
        }
        while !current.fits, settings.batch > 1 {
            let blocks = settings.blocksPerStep
            settings.batch = (settings.batch + 1) / 2
            settings.accumulation = (blocks + settings.batch - 1) / settings.batch
            note("batch \(settings.batch) with \(settings.accumulation) passes for a step (same result, slower)")
        }
        while !current.fits, settings.maxLength > 128 {
            settings.maxLength = max(128, min(settings.maxLength, longest) / 2)
            note("blocks of \(settings.maxLength) tokens")
        }
        while !current.fits, settings.lora.rank > 4 {
            let scale = settings.lora.alpha / Float(settings.lora.rank)
            settings.lora.rank = max(4, settings.lora.rank / 2)
            settings.lora.alpha = scale * Float(settings.lora.rank)
            note("rank \(settings.lora.rank)")
        }
        guard current.fits else { throw .doesNotFit(needed: current.total, available: limits.available) }
        return Fitting(configuration: settings, plan: current, changes: changes)
    }
}

extension TrainingConfiguration {
    /// The flags of `attune train` for what differs from `other` among the settings that decide the memory.
    func memoryFlags(changedFrom other: TrainingConfiguration) -> String {
        var flags: [String] = []
        if checkpointing != other.checkpointing { flags.append("--checkpointing \(checkpointing ? "on" : "off")") }
        if batch != other.batch { flags.append("--batch \(batch)") }
        if accumulation != other.accumulation { flags.append("--accumulate \(accumulation)") }
        if maxLength != other.maxLength { flags.append("--max-len \(maxLength)") }
        if lora.rank != other.lora.rank { flags.append("--rank \(lora.rank) --alpha \(lora.alpha)") }
        return flags.joined(separator: " ")
    }
}
