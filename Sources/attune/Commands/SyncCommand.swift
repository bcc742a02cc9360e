// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneService
import AttuneSync
import AttuneVault
import Foundation
import Synchronization

/// `attune sync`
struct SyncCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Have the same adapters on all devices.",
        discussion: "Everything is sealed on this device; a relay sees padded sizes and times.",
        subcommands: [
            Now.self, Status.self, Log.self, Pause.self, Resume.self, AdaptersCommand.Resolve.self, Limit.self,
            Serve.self,
        ],
        defaultSubcommand: Now.self)

    struct Now: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Sync once.")
        @OptionGroup var global: GlobalOptions
        @Option(help: "Another relay than the circle's, for this once.") var relay: String?
        @Option(help: "A device of the circle that runs attune sync serve: HOST:PORT.") var direct: NetworkAddress?

        func execute() throws {
            let console = global.console
            let workspace = try global.open(.writing)
            let remote = direct.map { SyncRemote.direct(host: $0.host, port: $0.port) } ?? .relay(relay)
            let shown = SyncProgressLine(console: console)
            let report = try Waiting.run { try await workspace.sync(with: remote) { shown.show($0) } }
            shown.end()
            if global.json {
                try console.print(report)
            } else {
                console.print("\(report.remote): \(report.summary) in \(Format.duration(report.seconds))")
                for name in report.conflicts {
                    console.print("CONFLICT  \(name) went on at two devices at once  -> attune sync resolve \(name)")
                }
                for version in report.refused {
                    console.print("REFUSED  \(version.version) from device \(version.device): \(version.reason)")
                }
            }
            if let failure = report.failure { throw failure }
        }
    }

    struct Status: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "How this device stands with its circle.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let status = try global.open(.reading).syncStatus()
            let console = global.console
            if global.json { return try console.print(status) }
            console.print("Relay     \(status.relay ?? "none"), cannot read names or content")
            console.print("Circle    \(status.circle.prefix(16))")
            if status.isPaused { console.print("Paused    attune sync resume") }
            console.print(
                "Waiting   \(Quantity.counted(status.waiting, "change")) to send, "
                    + "\(Quantity.counted(status.chunksWanted, "chunk")) to receive")
            var table = Table(["DEVICE", "FINGERPRINT", "ENTRIES", "STATE"])
            for device in status.devices where !device.isPaper {
                table.add([
                    device.name, device.fingerprint, "\(device.entries)",
                    device.isThis ? "this device" : device.state.rawValue,
                ])
            }
            console.print(table.render())
            for name in status.conflicts {
                console.print("CONFLICT  \(name) went on at two devices at once  -> attune sync resolve \(name)")
            }
            for version in status.refused {
                console.print("REFUSED  \(version) holds numbers that no adapter may hold  -> attune sync log")
            }
            for doubt in status.doubts {
                console.print(
                    "DOUBT  \(doubt.kind) in the log of \(doubt.device) at entry \(doubt.seq), shown by \(doubt.remote)"
                )
            }
        }
    }

    struct Log: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "What sync did and noticed.")
        @OptionGroup var global: GlobalOptions
        @Option(name: .shortAndLong, help: "How many lines.") var lines = 50

        func execute() throws {
            let lines = try global.open(.reading).vault.syncLog(limit: min(max(lines, 1), Vault.syncLogLines))
            if global.json {
                return try global.console.print(
                    Lines(
                        lines: lines.map { Line(time: $0.time, level: $0.level, remote: $0.remote, text: $0.text) }))
            }
            for line in lines {
                global.console.print(
                    "\(Format.ago(line.time))  \(line.level)  \(line.remote.isEmpty ? "" : line.remote + ": ")\(line.text)"
                )
            }
            if lines.isEmpty { global.console.note("nothing yet") }
        }

        private struct Line: Encodable {
            let time: Date
            let level: String
            let remote: String
            let text: String
        }

        private struct Lines: Encodable {
            let schema = 1
            let lines: [Line]
        }
    }

    struct Pause: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Send and receive nothing until resume.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.open(.writing).updateSyncSettings { $0.isPaused = true }
            try global.done("sync is paused: attune sync resume")
        }
    }

    struct Resume: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Let sync go on.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try global.open(.writing).updateSyncSettings { $0.isPaused = false }
            try global.done("sync goes on: attune sync now")
        }
    }

    struct Limit: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Limit how fast sync sends and receives.",
            discussion: "Sizes per second such as 500K or 2M; 0 for no limit. Without options, shows the limits.")
        @OptionGroup var global: GlobalOptions
        @Option(help: "Most to send in a second.", transform: Limit.rate) var up: Int?
        @Option(help: "Most to receive in a second.", transform: Limit.rate) var down: Int?

        private static func rate(_ text: String) throws -> Int {
            guard let bytes = text == "0" ? 0 : Quantity.bytes(text) else {
                throw ValidationError("a limit is a size such as 500K, or 0 for none; not \(text)")
            }
            return bytes
        }

        func execute() throws {
            if up != nil || down != nil {
                try global.open(.writing).updateSyncSettings { settings in
                    if let up { settings.uploadLimit = up > 0 ? up : nil }
                    if let down { settings.downloadLimit = down > 0 ? down : nil }
                }
            }
            let settings = try global.open(.reading).syncSettings()
            if global.json {
                return try global.console.print(Limits(up: settings.uploadLimit, down: settings.downloadLimit))
            }
            func text(_ limit: Int?) -> String { limit.map { Format.bytes($0) + "/s" } ?? "no limit" }
            global.console.print("send     \(text(settings.uploadLimit))")
            global.console.print("receive  \(text(settings.downloadLimit))")
        }

        private struct Limits: Encodable {
            let schema = 1
            let up: Int?
            let down: Int?
        }
    }

    struct Serve: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Serve the circle's other devices on the local network until Ctrl-C.")
        @OptionGroup var global: GlobalOptions
        @Option(help: "HOST:PORT to listen on; port 0 takes a free one.") var listen: NetworkAddress

        func execute() throws {
            let workspace = try global.open(.writing)
            let (console, listen, json) = (global.console, listen, global.json)
            do {
                try Waiting.run {
                    let server = try await DirectServer.start(workspace, host: listen.host, port: listen.port)
                    let address = listen.text(port: server.port)
                    if json {
                        try console.print(["listening": address])
                    } else {
                        console.print("Listening on \(address)")
                    }
                    while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
                    await server.stop()
                }
            }
        }
    }
}

/// The line that says how far a sync has come.
final class SyncProgressLine: Sendable {
    private let console: Console
    private let last = Mutex(ContinuousClock.now - .seconds(60))
    private let isTerminal = isatty(STDERR_FILENO) == 1

    init(console: Console) { self.console = console }

    /// At most ten times a second on a terminal, every ten seconds elsewhere.
    func show(_ progress: SyncProgress) {
        let pause = isTerminal ? Duration.milliseconds(100) : .seconds(10)
        let isDue = last.withLock { last in
            guard ContinuousClock.now - last >= pause else { return false }
            last = .now
            return true
        }
        guard isDue else { return }
        if isTerminal {
            console.progress(Self.text(progress))
        } else if progress.chunksTotal > 0 {
            console.note(Self.text(progress))
        }
    }

    func end() { console.progress("") }

    private static func text(_ progress: SyncProgress) -> String {
        if let waiting = progress.waiting { return "waiting, next try in \(waiting) s" }
        var text = "sent \(Format.bytes(progress.bytesSent)), received \(Format.bytes(progress.bytesReceived))"
        if progress.chunksTotal > 0 { text = "chunk \(progress.chunksDone)/\(progress.chunksTotal), " + text }
        if progress.rate > 0 { text += ", \(Format.bytes(progress.rate))/s" }
        if let left = progress.secondsLeft { text += ", \(Format.duration(Double(left))) left" }
        return text
    }
}
