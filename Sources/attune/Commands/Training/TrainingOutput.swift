// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
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
    private var latest: [String: TrainingStep] = [:]
    private var validations: [String: (step: Int, loss: Double)] = [:]

    init(console: Console, jsonl: Bool, json: Bool) {
        self.console = console
        self.jsonl = jsonl
        self.json = json
        let environment = ProcessInfo.processInfo.environment
        isTerminal = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb" && !jsonl
    }

    /// What was found in the files; all that is wrong is listed, nothing is passed over silently.
    func show(_ found: DataFindings) {
        for issue in found.issues.prefix(20) { console.note(issue.text) }
        if found.errors > 20 { console.note("… and \(found.errors - 20) more: attune data check PATH") }
        if found.skipsBad && found.errors > 0 { console.note("left out: \(found.errors)") }
        for line in found.unused { console.note(line) }
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
            let outlook = session.outlook(of: index)
            console.note("Data  ", outlook.data)
            for remark in outlook.remarks { console.note("      \(remark)") }
            if let existing = outlook.existing { console.note("Name  ", existing) }
            console.note(
                "Plan  ", outlook.plan + (outlook.reasons.isEmpty || explain ? "" : "   (why: --explain)"))
            if explain { for reason in outlook.reasons { console.note("      ", reason) } }
        }
        console.note("Fit   ", session.fit)
        if let disk = session.disk { console.note("Disk  ", disk) }
    }

    /// How long it will take; with that, the events of the plans.
    func show(_ session: TrainingSession, time: TrainingTime, explain: Bool, planOnly: Bool) throws {
        if jsonl || (json && planOnly) {
            for (index, part) in session.parts.enumerated() {
                try line("plan", part.name, session.plan(of: index, time: time, explained: explain))
            }
        }
        if jsonl { return }
        console.note("Time  ", time.text)
    }

    func started(_ part: TrainingSession.Part) {
        let run = part.runID?.description ?? ""
        if jsonl {
            try? console.print(["event": "run", "id": run, "name": part.name])
        } else {
            console.note("Run   \(run)" + (names.count > 1 ? "  \(part.name)" : ""))
            announce("measuring the loss before the first step")
        }
    }

    func show(_ news: TrainingNews, of part: TrainingSession.Part) {
        switch news {
        case .step(let step):
            latest[part.name] = step
            if jsonl { try? line("step", part.name, step) } else { progress() }
        case .validation(let measured):
            let (step, loss) = (measured.step, measured.loss)
            validations[part.name] = (step, loss)
            if jsonl {
                try? line("validation", part.name, measured)
            } else {
                clear()
                console.note(
                    "  \(prefix(part.name))step \(step)  validation loss \(Format.loss(loss)) (perplexity "
                        + "\(String(format: "%.2f", exp(loss))))\(step == 0 ? "  base" : measured.isBest ? "  best" : "")"
                )
            }
        case .stopped(let reason):
            clear()
            if jsonl { try? console.print(["event": "stopped", "name": part.name, "reason": reason]) }
        }
    }

    /// Tells adapters apart where there are several.
    private func prefix(_ name: String) -> String { names.count > 1 ? "\(name)  " : "" }

    /// How the runs ended.
    func show(_ ends: [TrainingEnd]) throws {
        for end in ends { try show(end, heading: ends.count > 1) }
        let paused = ends.filter(\.isInterrupted).map(\.run.description)
        if paused.count > 1, !jsonl, !json {
            console.note("Go on with all: attune runs resume \(paused.joined(separator: " "))")
        }
    }

    private func show(_ end: TrainingEnd, heading: Bool) throws {
        if jsonl || json { return try line("end", end.name, end) }
        if heading { console.note("Adapter \(end.name)") }
        if end.isInterrupted {
            console.note("saved run \(end.run) at step \(end.steps) (weights, optimiser, place in the data)")
            console.note("Go on: attune runs resume \(end.run)      Keep as it is: attune runs accept \(end.run)")
            return
        }
        if let remark = end.remark { console.note(remark) }
        if let base = end.baseLoss, let kept = end.loss {
            console.print(
                "Validation loss \(Format.loss(base)) → \(Format.loss(kept)) nats per token "
                    + "(perplexity \(String(format: "%.2f → %.2f", exp(base), exp(kept)))), kept step \(end.keptStep)")
        }
        let difference = Double(end.peakBytes) / Double(max(1, end.plannedBytes)) - 1
        console.print(
            "\(Quantity.text(seconds: end.seconds)), peak memory \(Quantity.text(bytes: end.peakBytes)) "
                + "(planned \(Quantity.text(bytes: end.plannedBytes)), \(String(format: "%+.0f%%", difference * 100)))")
        if let adapter = end.adapter {
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
            prefix(name) + "loss \(String(format: "%.3f", report.loss))"
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

    private func line(_ event: String, _ name: String, _ content: some Encodable) throws {
        try console.print(Line(event: event, name: name, content: content))
    }

    /// An event as a line of JSON: what happened, to which adapter, and all that is to say of it.
    private struct Line<Content: Encodable>: Encodable {
        let event: String
        let name: String
        let content: Content

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(event, forKey: .event)
            try container.encode(name, forKey: .name)
            try content.encode(to: encoder)
        }

        private enum Key: String, CodingKey { case event, name }
    }
}
