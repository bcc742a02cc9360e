// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneTensor
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
    private var lastLine = ContinuousClock.now - .seconds(60)
    private var validation: (step: Int, loss: Double, isBest: Bool)?

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

    /// Data, plan, fit and time.
    func show(_ session: TrainingSession, time: TimeEstimate, explain: Bool) throws {
        let settings = session.configuration
        let outline = session.outline
        if jsonl {
            return try line(
                Plan(
                    event: "plan", name: session.name, base: session.base.name, configuration: settings,
                    outline: outline, memory: session.memory, time: time,
                    reasons: explain ? session.reasons : nil))
        }
        let material = session.material
        console.note(
            "Data  \(Format.count(material.rows.count)) documents, \(Format.count(outline.trainingTokens)) tokens to "
                + "learn from in \(outline.trainingBlocks) rows; held out for validation: "
                + "\(material.validationExamples.count) documents")
        if session.packed.training.splitExamples > 0 {
            console.note(
                "      \(session.packed.training.splitExamples) longer than \(settings.maxLength) tokens, split")
        }
        if session.packed.training.droppedTokens > 0 {
            console.note("      \(session.packed.training.droppedTokens) tokens of the last incomplete row left out")
        }
        console.note(
            "Plan  \(session.base.name) \(session.base.quantization), rank \(settings.lora.rank), alpha "
                + "\(settings.lora.alpha), lr \(settings.learningRate) \(settings.schedule.rawValue), \(settings.epochs) epochs "
                + "= \(outline.steps) steps of \(settings.batch * settings.accumulation)×\(settings.maxLength) tokens, "
                + "\(settings.precision.rawValue), seed \(settings.seed)"
                + (session.reasons.isEmpty || explain ? "" : "   (why: --explain)"))
        if explain {
            for reason in session.reasons { console.note("      \(reason.setting) \(reason.value): \(reason.reason)") }
        }
        let parts = session.memory.parts.map { "\($0.name) \(Format.bytes($0.bytes))" }.joined(separator: ", ")
        console.note(
            "Fit   \(Format.bytes(session.memory.total)) of \(Format.bytes(session.memory.available)) free: "
                + "\(session.memory.fits ? "ok" : "tight")  (\(parts))")
        console.note(
            "Time  \(Format.duration(time.low)) to \(Format.duration(time.high)) "
                + "(from 3 measured steps, \(Format.count(Int(time.tokensPerSecond))) tok/s)")
    }

    func started(run: String) {
        if jsonl { try? line(["event": "run", "id": run]) } else { console.note("Run   \(run)") }
    }

    func show(_ event: TrainingEvent) {
        switch event {
        case .planned, .checkpoint, .finished: break
        case .step(let report):
            if jsonl { try? line(Step(event: "step", report: report)) } else { progress(report) }
        case .validation(let step, let loss, let base, let isBest):
            validation = (step, loss, isBest)
            if jsonl {
                try? line(Validation(event: "validation", step: step, loss: loss, baseLoss: base, best: isBest))
            } else {
                clear()
                console.note(
                    "  step \(step)  validation loss \(Format.loss(loss)) (perplexity \(String(format: "%.2f", exp(loss))))"
                        + (step == 0 ? "  base" : isBest ? "  best" : ""))
            }
        case .stopped(let reason):
            clear()
            if jsonl { try? line(["event": "stopped", "reason": reason.rawValue]) }
        }
    }

    /// How the run ended.
    func show(_ result: TrainingSession.Result, plan: MemoryPlan) throws {
        let summary = result.outcome.summary
        let adapter = result.version?.reference.description
        if jsonl || json {
            return try line(
                End(
                    event: "end", run: result.runID, adapter: adapter, reason: summary.reason, steps: summary.steps,
                    keptStep: summary.keptStep, baseLoss: summary.baseLoss, loss: summary.keptLoss,
                    trainingLoss: summary.trainingLoss, seconds: summary.seconds,
                    tokensPerSecond: summary.seconds > 0 ? Double(summary.tokens) / summary.seconds : 0,
                    peakBytes: result.peakMemory, plannedBytes: plan.total))
        }
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
            "\(Format.duration(summary.seconds)), peak memory \(Format.bytes(result.peakMemory)) "
                + "(planned \(Format.bytes(plan.total)), \(String(format: "%+.0f%%", difference * 100)))")
        if let adapter { console.print("Kept as \(adapter).  Next: attune chat \(adapter.prefix { $0 != "@" })") }
    }

    private func progress(_ report: StepReport) {
        let now = ContinuousClock.now
        guard isTerminal ? now - lastLine > .milliseconds(200) : now - lastLine >= .seconds(10) else { return }
        lastLine = now
        let share = Double(report.step) / Double(max(1, report.total))
        let numbers =
            "loss \(String(format: "%.3f", report.smoothed))"
            + (validation.map { "  val \(String(format: "%.3f", $0.loss)) @\($0.step)" } ?? "")
            + String(
                format: "  lr %.1e  %.0f tok/s  mem %.0f MiB", report.rate, report.tokensPerSecond, report.memoryMiB)
        let times = "elapsed \(Format.duration(report.elapsed))  left \(Format.duration(report.remaining))"
        if isTerminal {
            let filled = Int(share * 24)
            let bar = String(repeating: "=", count: filled) + (filled < 24 ? ">" : "")
            clear()
            console.note(
                "  \(report.step)/\(report.total) [\(bar.padding(toLength: 24, withPad: " ", startingAt: 0))] "
                    + "\(Int(share * 100))%  \(times)\n  \(numbers)", terminator: "")
            drawn = true
        } else {
            console.note("  step \(report.step)/\(report.total)  \(numbers)  \(times)")
        }
    }

    /// Takes the two live lines away.
    private func clear() {
        guard drawn else { return }
        console.clearProgress()
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
        let time: TimeEstimate
        let reasons: [AutoSettings.Reason]?
    }

    private struct Step: Encodable {
        let event: String
        let report: StepReport

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(event, forKey: .event)
            try report.encode(to: encoder)
        }

        private enum Key: String, CodingKey { case event }
    }

    private struct Validation: Encodable {
        let event: String
        let step: Int
        let loss: Double?
        let baseLoss: Double?
        let best: Bool

        init(event: String, step: Int, loss: Double, baseLoss: Double, best: Bool) {
            self.event = event
            self.step = step
            // JSON has no number for what is not finite.
            self.loss = loss.isFinite ? loss : nil
            self.baseLoss = baseLoss.isFinite ? baseLoss : nil
            self.best = best
        }
    }

    private struct End: Encodable {
        let event: String
        let run: String
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
