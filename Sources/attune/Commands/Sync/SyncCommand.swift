// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune sync`
struct SyncCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Have the same adapters on all devices.",
        discussion: "Everything is sealed on this device; a relay sees padded sizes and times.",
        subcommands: [
            Now.self, Watch.self, Status.self, Log.self, Pause.self, Resume.self, AdaptersCommand.Resolve.self,
            Relay.self, Limit.self, Settle.self, Undo.self, Serve.self, Delete.self, Undelete.self,
        ],
        defaultSubcommand: Now.self)

    /// The line about an adapter that has two heads.
    static func conflict(_ name: String) -> String {
        "CONFLICT  \(name) went on at two devices at once  -> attune sync resolve \(name)"
    }

    struct Now: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sync once.",
            discussion: "Without a relay, with the devices of the circle that are on this network.")
        @OptionGroup var remote: SyncRemoteOptions
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let console = global.console
            let workspace = try global.open(.writing)
            let remote = try remote.remote(for: workspace)
            let shown = SyncProgressLine(console: console, saysWaiting: true)
            defer { shown.end() }
            let reports = try Waiting.run {
                guard case .nearby = remote else { return [try await workspace.sync(with: remote) { shown.show($0) }] }
                return try await workspace.syncNearby { shown.show($0) }
            }
            shown.end()
            for report in reports {
                if global.json {
                    try console.print(report)
                    continue
                }
                // Where nobody answered there is nothing to report but the failure.
                if report.isComplete || report.movedAnything {
                    console.print(
                        "\(report.remoteName): \(report.summary) in \(Quantity.text(seconds: report.seconds))")
                }
                for line in report.news { console.say(ShownText.line(line)) }
                for version in report.refused {
                    console.print(
                        ShownText.line("REFUSED  \(version.version) from device \(version.device): \(version.reason)"))
                }
            }
            if !global.json {
                for name in reports.last?.conflicts ?? [] { console.print(SyncCommand.conflict(name)) }
            }
            if let failure = reports.lazy.compactMap(\.failure).first { throw failure }
        }
    }

    struct Status: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "How this device stands with its circle.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let status = try global.open(.reading).syncStatus()
            let console = global.console
            if global.json { return try console.print(status) }
            let isAlone = !status.devices.contains { $0.state == .active && !$0.isThis && !$0.isPaper }
            console.say(
                "Relay     "
                    + (status.relay.map { "\($0), cannot read names or content" }
                        ?? "none: attune \(isAlone ? "devices add --relay" : "sync relay") URL, or devices nearby"))
            console.print("Circle    \(status.circle.prefix(16))")
            if let end = status.deletionEnd {
                console.say("DELETED   at the relay, for good \(end)  -> attune sync undelete")
            }
            if status.isPaused { console.print("Paused    attune sync resume") }
            console.print(
                "Waiting   \(Quantity.counted(status.waiting, "change")) to send, "
                    + "\(Quantity.counted(status.chunksWanted, "chunk")) to receive")
            console.print(DevicesCommand.table(status.devices.filter { !$0.isPaper }))
            for name in status.conflicts { console.print(SyncCommand.conflict(name)) }
            for version in status.refused {
                console.print("REFUSED  \(version) holds numbers that no adapter may hold  -> attune sync log")
            }
            for doubt in status.doubts {
                console.print("DOUBT  \(doubt.sentence), shown by \(doubt.remote)  -> attune sync settle")
            }
        }
    }

    struct Log: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "What sync did and noticed.")
        @Option(name: .shortAndLong, help: "How many lines.") var lines = 50
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let lines = try global.open(.reading).syncLog(last: lines)
            if global.json { return try global.console.print(Lines(lines: lines)) }
            for line in lines {
                global.console.print(
                    "\(Format.ago(line.time))  \(line.level)  "
                        + ShownText.line("\(line.remote.isEmpty ? "" : line.remote + ": ")\(line.text)")
                )
            }
            if lines.isEmpty { global.console.note("nothing yet") }
        }

        private struct Lines: Encodable {
            let schema = 1
            let lines: [SyncLogEntry]
        }
    }
}
