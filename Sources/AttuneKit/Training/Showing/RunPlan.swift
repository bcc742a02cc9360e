// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTraining
import AttuneVault

/// What a session is going to do for one adapter, with all that decides it, for scripts.
package struct RunPlan: Encodable {
    let base: String
    let configuration: TrainingConfiguration
    let outline: TrainingOutline
    let memory: MemoryPlan
    let trunk: TrunkPlan?
    let time: TrainingTime
    let reasons: [AutoSettings.Reason]?
}

/// How long a run will take.
package struct TrainingTime: Encodable, Sendable {
    let estimate: TimeEstimate

    /// Writes what was estimated.
    package func encode(to encoder: any Encoder) throws { try estimate.encode(to: encoder) }

    /// Between what and what, and how it is known.
    package var text: String {
        "\(Quantity.text(seconds: estimate.low)) to \(Quantity.text(seconds: estimate.high)) "
            + "(from 3 measured steps, \(Quantity.text(count: Int(estimate.tokensPerSecond))) tok/s)"
    }
}

/// What a person reads of one adapter before it is trained.
package struct TrainingOutlook: Sendable {
    package let data: String
    /// What is there under the adapter's name already, and what the run makes of it; nil for a new name.
    package let existing: String?
    /// What of the data is not used as it is.
    package let remarks: [String]
    package let plan: String
    /// Why the settings are what they are; empty for a resumed run.
    package let reasons: [String]
}

extension TrainingSession {
    /// The plan of a part.
    ///
    /// - Parameter explained: whether it says why each setting is what it is.
    package func plan(of part: Int, time: TrainingTime, explained: Bool) -> RunPlan {
        RunPlan(
            base: base.name, configuration: track(part).configuration, outline: track(part).outline, memory: memory,
            trunk: trunk, time: time, reasons: explained ? parts[part].reasons : nil)
    }

    /// What a person reads of a part.
    package func outlook(of part: Int) -> TrainingOutlook {
        let (settings, outline, part) = (track(part).configuration, track(part).outline, parts[part])
        var remarks: [String] = []
        if part.packed.training.splitExamples > 0 {
            remarks.append("\(part.packed.training.splitExamples) longer than \(settings.maxLength) tokens, split")
        }
        let (shortened, omitted) = (part.packed.training.shortenedExamples, part.packed.training.omittedTokens)
        if shortened > 0 {
            remarks.append(
                "\(shortened) longer than \(settings.maxLength) tokens: each answer is whole and follows the end of what was "
                    + "asked, \(omitted) tokens are left out (--max-len takes more)")
        }
        if let remark = part.material.templateRemark { remarks.append("of the base: " + remark) }
        if part.material.renderedRows > 0 {
            remarks.append(
                "\(part.material.renderedRows) spell how a chat is written (<|im_start|>, [INST] and the like), which is learned "
                    + "as plain text: give them as \"messages\"")
        }
        if part.packed.training.droppedTokens > 0 {
            remarks.append("\(part.packed.training.droppedTokens) tokens of the last incomplete row left out")
        }
        let name = part.name
        let live = part.runID == nil ? try? workspace.vault.versions.fetch(name) : nil
        let existing = live.map { live in
            "\(live.reference) is there; this makes a new version "
                + (part.start.map { "that goes on from \($0.record.reference)" }
                    ?? "from scratch (--from \(name) goes on from it)")
        }
        return TrainingOutlook(
            data: "\(Quantity.text(count: part.material.rows.count)) "
                + "\(part.material.rows.count == 1 ? "document" : "documents"), "
                + "\(Quantity.text(count: outline.trainingTokens)) tokens to learn from in "
                + "\(outline.trainingBlocks) rows; held out for validation: "
                + (part.material.holdsStretch
                    ? "the end of the document"
                    : Quantity.counted(part.material.validationExamples.count, "document")),
            existing: existing, remarks: remarks,
            plan: "\(base.name) \(base.quantization), rank \(settings.lora.rank), alpha "
                + "\(settings.lora.alpha), lr \(settings.learningRate) \(settings.schedule.rawValue), "
                + "\(settings.epochs) epochs = \(outline.steps) steps of "
                + "\(settings.batch * settings.accumulation)×\(settings.maxLength) tokens, "
                + "\(settings.precision.rawValue), seed \(settings.seed)",
            reasons: part.reasons.map { "\($0.setting) \($0.value): \($0.reason)" })
    }

    /// Whether it fits into memory, and what takes how much.
    package var fit: String {
        let parts = memory.parts.map { "\($0.name) \(Quantity.text(bytes: $0.bytes))" }.joined(separator: ", ")
        return "\(Quantity.text(bytes: memory.total)) of \(Quantity.text(bytes: memory.available)) free: "
            + "\(memory.fits ? "ok" : "tight")  (\(parts))"
    }

    /// What is kept on the disk while it goes on; nil if there is nothing to keep.
    package var disk: String? {
        trunk.map { trunk in
            trunk.reason.map { "the lowest \(trunk.layers) layers are computed in every epoch: \($0)" }
                ?? "the lowest \(trunk.layers) layers are computed once and kept, sealed, in \(Quantity.text(bytes: trunk.bytes))"
        }
    }
}
