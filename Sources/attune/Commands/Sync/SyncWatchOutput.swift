// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import Synchronization

/// What `attune sync watch` says while it runs: each thing once, however often it is tried again.
final class SyncWatchOutput: Sendable {
    private let console: Console
    private let isJSON: Bool
    private let line: SyncProgressLine
    /// What was said last, and not yet undone.
    private let standing = Mutex<String?>(nil)

    init(console: Console, isJSON: Bool) {
        self.console = console
        self.isJSON = isJSON
        line = SyncProgressLine(console: console, saysWaiting: false)
    }

    func show(_ step: SyncStep) { line.show(step) }

    func end() { line.end() }

    func show(_ event: SyncWatchEvent) {
        line.end()
        switch event {
        case .started(let remote, let name):
            say("Watching \(name).  Ctrl-C ends it.", Event(event: "started", remote: remote))
        case .synced(let report):
            let wasWaiting = standing.withLock { standing in
                defer { if report.isComplete { standing = nil } }
                return standing != nil
            }
            if !isJSON { for line in report.news { console.say(ShownText.line(line)) } }
            guard report.movedAnything || wasWaiting || isJSON && !report.news.isEmpty else { return }
            say(
                "\(report.summary) in \(Quantity.text(seconds: report.seconds))",
                Event(event: "synced", remote: report.remote, report: report))
            for name in report.conflicts where report.movedAnything { console.note(SyncCommand.conflict(name)) }
        case .waiting(let problem, let seconds):
            guard isNew(problem.code) else { return }
            say(
                "\(ShownText.line(problem.message)); trying again in \(Quantity.text(seconds: Double(seconds)))",
                Event(event: "waiting", error: problem.code, message: problem.message, seconds: seconds))
        case .paused:
            guard isNew("paused") else { return }
            say("Paused: attune sync resume", Event(event: "paused"))
        }
    }

    private func isNew(_ state: String) -> Bool {
        standing.withLock { standing in
            defer { standing = state }
            return standing != state
        }
    }

    private func say(_ text: String, _ event: Event) {
        if isJSON { try? console.print(event) } else { console.print(text) }
    }

    private struct Event: Encodable {
        let schema = 1
        let event: String
        var remote: String?
        var error: String?
        var message: String?
        var seconds: Int?
        var report: SyncReport?
    }
}
