// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneTestSupport
import Foundation

/// `attune-bench relay`: a real relay with many idle event streams and a steady rate of entries.
struct RelayBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay", abstract: "Load a relay with event streams and pushed entries, or attack it.",
        discussion: """
            With --hostile each attack has a relay of its own, within 256 MiB where control groups can be made, for \
            --seconds. Its lines say whether the relay lives, its largest memory, and how long another circle's pushes took. \
            An attacker is a process of its own at nice 19: what it computes is not the relay's work.
            """)

    @Option(help: "Event streams that are held open.") var streams = 2000
    @Option(help: "Entries pushed in a second, each by a request of its own.") var entriesPerSecond = 300
    @Option(help: "Seconds of pushing.") var seconds = 30
    @Option(help: "Circles over which streams and entries are spread evenly.") var circles = 800
    @Flag(help: "Let the relay keep everything in a PostgreSQL server that is started for it.") var postgres = false
    @Flag(help: "Attack the relay instead, from loopback addresses, while another circle pushes.") var hostile = false
    @Option(help: "Of the attacks, those whose names have this in them.") var attack: String?
    @Option(help: "Size of the attacks; 1 is the whole.") var scale = 1.0
    @Option(help: "The relay's program; the one beside this one by default.") var relay: String?
    @Flag(help: "Print JSON (it always does).") var json = false

    func validate() throws {
        guard (0...20_000).contains(streams), (1...100_000).contains(entriesPerSecond), (1...86_400).contains(seconds),
            (1...20_000).contains(circles)
        else { throw ValidationError("up to 20000 streams and circles, 100000 entries a second and a day") }
    }

    func run() async throws {
        if hostile {
            try await print(HostileRelay(seconds: Double(seconds), scale: scale, program: relay, only: attack).run())
            return
        }
        if postgres, let absence = PostgresServer.absence { throw BenchFailure(absence) }
        let database = postgres ? try PostgresServer(isDurable: true) : nil
        let relay = try RelayProcess(
            options: [
                "--concurrent-streams", "\(streams + 1)", "--connections", "\(streams + 4096)",
                "--connections-per-address", "\(streams + 4096)", "--stranger-connections-per-address", "1024",
                "--connections-per-device", "\(streams + 64)",
            ],
            environment: database.map { ["ATTUNE_RELAY_DATABASE": $0.address] } ?? [:], program: relay)
        let usage = ProcessUsage(relay.process.id)
        var members: [RelayLoadMember] = []
        for _ in 0..<circles { members.append(try await RelayLoadMember(relay)) }

        let listeners = RelayLoadListeners(members.map(\.client), streams: streams)
        try await listeners.open()
        let residentIdle = usage.residentBytes

        let processor = usage.processorSeconds
        let seconds = try await push(members).sorted()
        let processorSeconds = usage.processorSeconds - processor
        let counts = members.map(\.acknowledged)
        let behind = try await listeners.settle(counts.map(UInt64.init))
        var lost = 0
        for member in members { lost += try await member.lost() }
        let report = Report(
            store: postgres ? "postgresql" : "sqlite", circles: circles, streams: listeners.held,
            wakeUps: listeners.wakeUps, streamsBehind: behind, entriesSent: members.map(\.sent).reduce(0, +),
            entriesAcknowledged: counts.reduce(0, +), entriesLost: lost,
            entriesPerSecond: Double(seconds.count) / Double(self.seconds), p50Seconds: Self.quantile(seconds, 0.5),
            p99Seconds: Self.quantile(seconds, 0.99), worstSeconds: seconds.last ?? 0,
            residentIdleBytes: residentIdle, peakBytes: usage.peakBytes, relayProcessorSeconds: processorSeconds)
        try await listeners.close()
        try print(report)
        _ = try relay.stop()
        withExtendedLifetime(database) {}
    }

    private func print(_ report: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys]
        Swift.print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }

    /// Pushes entries one by one at the rate, to the circles in turn; the seconds of each from when it was due.
    private func push(_ members: [RelayLoadMember]) async throws -> [Double] {
        let (total, rate) = (entriesPerSecond * seconds, Double(entriesPerSecond))
        for (number, member) in members.enumerated() {
            try member.prepare((total - number + members.count - 1) / members.count)
        }
        let start = ContinuousClock.now
        return try await withThrowingTaskGroup(of: [Double].self) { group in
            for (number, member) in members.enumerated() {
                group.addTask {
                    try await member.push { index in
                        start + .seconds(Double(number + index * members.count) / rate)
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    private struct Report: Encodable {
        let store: String
        let circles: Int
        /// Held open at the end.
        let streams: Int
        /// Events that named a new count of entries, those at the start of the streams aside.
        let wakeUps: Int
        /// Streams that were not told of the last entry of their circle.
        let streamsBehind: Int
        let entriesSent: Int
        let entriesAcknowledged: Int
        /// Acknowledged, and missing or changed when the logs were read back.
        let entriesLost: Int
        /// Acknowledged.
        let entriesPerSecond: Double
        let p50Seconds: Double
        let p99Seconds: Double
        let worstSeconds: Double
        /// Of the relay with all streams open and no entry yet.
        let residentIdleBytes: Int
        /// Of the relay at any time.
        let peakBytes: Int
        /// Of the relay while entries were pushed.
        let relayProcessorSeconds: Double
    }
}
