// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneTraining
import AttuneVault
import Foundation

/// Shows a run: the plan, live progress on a terminal, a plain line each ten seconds elsewhere, or JSON lines.
final class TrainingOutput {
    let console: Console
    let jsonl: Bool
    private let json: Bool
    private let isTerminal: Bool
    private var drawn = false
    /// Once it is requested, what stands below the live lines stays.
    let stop = StopFlag()
    private var lastLine = ContinuousClock.now - .seconds(60)
    /// Of the adapters, in the order of the session.
    var names: [String] = []
    private var latest: [String: StepReport] = [:]
    private var validations: [String: (step: Int, loss: Double)] = [:]

    init(console: Console, jsonl: Bool, json: Bool) {
        self.console = console
        self.jsonl = jsonl
        self.json = json
        let environment = ProcessInfo.processInfo.environment
        isTerminal = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb" && !jsonl
    }

    /// What was found in the files; all that is wrong is listed, nothing is passed over silently.
    func show(_ dataset: Dataset) {
        for issue in dataset.issues.prefix(20) { console.note(issue.description) }
        if dataset.issueCount > 20 {
            console.note("… and \(dataset.issueCount - 20) more: attune data check PATH")
        }
        if dataset.skipsBad && dataset.issueCount > 0 { console.note("left out: \(dataset.issueCount)") }
        for (type, count) in dataset.otherTypes.sorted(by: { $0.key < $1.key }) {
            console.note("not read: \(count) files \(Printable.escaped(type))")
        }
    }

    /// What is going on, where a person watches, until there is more to say.
    func announce(_ text: String) {
        guard isTerminal, !console.json else { return }
        console.progress("  \(text)…")
    }

    /// Data and plan of each adapter, and what they need.
    func show(_ session: TrainingSession, explain: Bool) {
        if jsonl { return }
        for (index, part) in session.parts.enumerated() {
            if session.parts.count > 1 { console.note("Adapter \(part.name)") }
            show(part, session.track(index), base: session.base, explain: explain)
        }
        let parts = session.memory.parts.map { "\($0.name) \(Quantity.text(bytes: $0.bytes))" }.joined(separator: ", ")
        console.note(
            "Fit   ",
            "\(Quantity.text(bytes: session.memory.total)) of \(Quantity.text(bytes: session.memory.available)) free: "
                + "\(session.memory.fits ? "ok" : "tight")  (\(parts))")
        if let trunk = session.trunk {
            console.note(
                "Disk  ",
                (trunk.reason.map { "the lowest \(trunk.layers) layers are computed in every epoch: \($0)" }
                    ?? "the lowest \(trunk.layers) layers are computed once and kept, sealed, in \(Quantity.text(bytes: trunk.bytes))")
            )
        }
    }

    /// How long it will take; with that, the events of the plans.
    func show(_ session: TrainingSession, time: TimeEstimate, explain: Bool, planOnly: Bool) throws {
        if jsonl || (json && planOnly) {
            for (index, part) in session.parts.enumerated() {
                let track = session.track(index)
                try line(
                    Plan(
                        event: "plan", name: part.name, base: session.base.name, configuration: track.configuration,
                        outline: track.outline, memory: session.memory, trunk: session.trunk, time: time,
                        reasons: explain ? part.reasons : nil))
            }
        }
        if jsonl { return }
        console.note(
            "Time  ",
            "\(Quantity.text(seconds: time.low)) to \(Quantity.text(seconds: time.high)) "
                + "(from 3 measured steps, \(Quantity.text(count: Int(time.tokensPerSecond))) tok/s)")
    }

    private func show(_ part: TrainingSession.Part, _ track: TrainingTrack, base: BaseRecord, explain: Bool) {
        let (settings, outline) = (track.configuration, track.outline)
        console.note(
            "Data  ",
            "\(Quantity.text(count: part.material.rows.count)) documents, \(Quantity.text(count: outline.trainingTokens)) tokens to "
                + "learn from in \(outline.trainingBlocks) rows; held out for validation: "
                + "\(part.material.validationExamples.count) documents")
        if part.packed.training.splitExamples > 0 {
            console.note("      \(part.packed.training.splitExamples) longer than \(settings.maxLength) tokens, split")
        }
        if part.packed.training.droppedTokens > 0 {
            console.note("      \(part.packed.training.droppedTokens) tokens of the last incomplete row left out")
        }
        console.note(
            "Plan  ",
            "\(base.name) \(base.quantization), rank \(settings.lora.rank), alpha "
                + "\(settings.lora.alpha), lr \(settings.learningRate) \(settings.schedule.rawValue), \(settings.epochs) epochs "
                + "= \(outline.steps) steps of \(settings.batch * settings.accumulation)×\(settings.maxLength) tokens, "
                + "\(settings.precision.rawValue), seed \(settings.seed)"
                + (part.reasons.isEmpty || explain ? "" : "   (why: --explain)"))
        if explain {
            for reason in part.reasons {
                console.note("      ", "\(reason.setting) \(reason.value): \(reason.reason)")
            }
        }
    }

    func started(_ part: TrainingSession.Part) {
        let run = part.runID?.description ?? ""
        if jsonl {
            try? line(["event": "run", "id": run, "name": part.name])
        } else {
            console.note("Run   \(run)" + (names.count > 1 ? "  \(part.name)" : ""))
            announce("measuring the loss before the first step")
        }
    }

    func show(_ event: TrainingEvent, of part: TrainingSession.Part) {
        switch event {
        case .planned, .checkpoint, .finished: break
        case .step(let report):
            latest[part.name] = report
            if jsonl { try? line(Step(event: "step", name: part.name, report: report)) } else { progress() }
        case .validation(let step, let loss, let base, let isBest):
            validations[part.name] = (step, loss)
            if jsonl {
                try? line(
                    Validation(
                        event: "validation", name: part.name, step: step, loss: loss, baseLoss: base, best: isBest))
            } else {
                clear()
                console.note(
                    "  \(prefix(part.name))step \(step)  validation loss \(Format.loss(loss)) (perplexity "
                        + "\(String(format: "%.2f", exp(loss))))\(step == 0 ? "  base" : isBest ? "  best" : "")")
            }
        case .stopped(let reason):
            clear()
            if jsonl { try? line(["event": "stopped", "name": part.name, "reason": reason.rawValue]) }
        }
    }

    /// Tells adapters apart where there are several.
    private func prefix(_ name: String) -> String { names.count > 1 ? "\(name)  " : "" }

    /// How the runs ended.
    func show(_ results: [TrainingSession.Result], plan: MemoryPlan) throws {
        for result in results { try show(result, plan: plan, heading: results.count > 1) }
        let paused = results.filter { $0.outcome.summary.reason == .interrupted }.map(\.runID.description)
        if paused.count > 1, !jsonl, !json {
            console.note("Go on with all: attune runs resume \(paused.joined(separator: " "))")
        }
    }

    private func show(_ result: TrainingSession.Result, plan: MemoryPlan, heading: Bool) throws {
        let summary = result.outcome.summary
        let adapter = result.version?.reference.description
        if jsonl || json {
            return try line(
                End(
                    event: "end", name: result.name, run: result.runID, adapter: adapter, reason: summary.reason,
                    steps: summary.steps, keptStep: summary.keptStep, baseLoss: summary.baseLoss,
                    loss: summary.keptLoss, trainingLoss: summary.trainingLoss, seconds: summary.seconds,
                    tokensPerSecond: summary.seconds > 0 ? Double(summary.tokens) / summary.seconds : 0,
                    peakBytes: result.peakMemory, plannedBytes: plan.total))
        }
        if heading { console.note("Adapter \(result.name)") }
        switch summary.reason {
        case .interrupted:
            console.note("saved run \(result.runID) at step \(summary.steps) (weights, optimiser, place in the data)")
            console.note(
                "Go on: attune runs resume \(result.runID)      Keep as it is: attune runs accept \(result.runID)")
            return
        case .diverged: console.note(result.outcome.failure?.description ?? "the loss was not finite")
        case .earlyStop: console.note("no better validation loss for a while: stopped early")
        case .timeLimit: console.note("the time is up; go on with attune runs resume \(result.runID)")
        case .finished: break
        }
        if let base = summary.baseLoss, let kept = summary.keptLoss {
            console.print(
                "Validation loss \(Format.loss(base)) → \(Format.loss(kept)) nats per token "
                    + "(perplexity \(String(format: "%.2f → %.2f", exp(base), exp(kept)))), kept step \(summary.keptStep)"
            )
        }
        let difference = Double(result.peakMemory) / Double(max(1, plan.total)) - 1
        console.print(
            "\(Quantity.text(seconds: summary.seconds)), peak memory \(Quantity.text(bytes: result.peakMemory)) "
                + "(planned \(Quantity.text(bytes: plan.total)), \(String(format: "%+.0f%%", difference * 100)))")
        if let adapter {
            console.print(
                console.addressed("Kept as \(adapter).  Next: attune chat \(adapter.prefix { $0 != "@" })"))
        }
    }

    private func progress() {
        let now = ContinuousClock.now
        guard isTerminal ? now - lastLine > .milliseconds(200) : now - lastLine >= .seconds(10) else { return }
        lastLine = now
        let reports = names.compactMap { name in latest[name].map { (name: name, report: $0) } }
        let (steps, total) = reports.reduce((0, 0)) { ($0.0 + $1.report.step, $0.1 + $1.report.total) }
        guard let longest = reports.map(\.report).max(by: { $0.remaining < $1.remaining }) else { return }
        let share = Double(steps) / Double(max(1, total))
        let losses = reports.map { name, report in
            prefix(name) + "loss \(String(format: "%.3f", report.smoothed))"
                + (validations[name].map { "  val \(String(format: "%.3f", $0.loss)) @\($0.step)" } ?? "")
        }
        let speed = reports.reduce(0) { $0 + ($1.report.step < $1.report.total ? $1.report.tokensPerSecond : 0) }
        let numbers =
            losses.joined(separator: " · ")
            + String(format: "  lr %.1e  %.0f tok/s  mem %.0f MiB", longest.rate, speed, longest.memoryMiB)
        let times =
            "elapsed \(Quantity.text(seconds: longest.elapsed))  left \(Quantity.text(seconds: longest.remaining))"
        if isTerminal {
            let filled = Int(share * 24)
            let bar = String(repeating: "=", count: filled) + (filled < 24 ? ">" : "")
            clear()
            let upper =
                "  \(steps)/\(total) [\(bar.padding(toLength: 24, withPad: " ", startingAt: 0))] "
                + "\(Int(share * 100))%  \(times)"
            console.note("\(Console.fitted(upper))\n\(Console.fitted("  " + numbers))", terminator: "")
            drawn = true
        } else {
            console.note("  step \(steps)/\(total)  \(numbers)  \(times)")
        }
    }

    /// Takes the two live lines away.
    private func clear() {
        if drawn && !stop.isRequested { console.clearProgress() }
        drawn = false
    }

    private func line(_ value: some Encodable) throws { try console.print(value) }
}

extension TrainingOutput {
    private struct Plan: Encodable {
        let event: String
        let name: String
        let base: String
        let configuration: TrainingConfiguration
        let outline: TrainingOutline
        let memory: MemoryPlan
        let trunk: TrunkPlan?
        let time: TimeEstimate
        let reasons: [AutoSettings.Reason]?
    }

    private struct Step: Encodable {
        let event: String
        let name: String
        let report: StepReport

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(event, forKey: .event)
            try container.encode(name, forKey: .name)
            try report.encode(to: encoder)
        }

        private enum Key: String, CodingKey { case event, name }
    }

    private struct Validation: Encodable {
        let event: String
        let name: String
        let step: Int
        let loss: Double?
        let baseLoss: Double?
        let best: Bool

        init(event: String, name: String, step: Int, loss: Double, baseLoss: Double, best: Bool) {
            self.event = event
            self.name = name
            self.step = step
            // JSON has no number for what is not finite.
            self.loss = loss.isFinite ? loss : nil
            self.baseLoss = baseLoss.isFinite ? baseLoss : nil
            self.best = best
        }
    }

    private struct End: Encodable {
        let event: String
        let name: String
        let run: RunID
        let adapter: String?
        let reason: StopReason
        let steps: Int
        let keptStep: Int
        let baseLoss: Double?
        let loss: Double?
        let trainingLoss: Double?
        let seconds: Double
        let tokensPerSecond: Double
        let peakBytes: Int
        let plannedBytes: Int
    }
}
