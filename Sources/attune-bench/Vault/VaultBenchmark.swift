// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneVault
import CSealedVFS
import Foundation
import GRDB

/// `attune-bench vault`: the sealed database beside plain SQLite with the same settings, and commits of a store beside the
/// same ones without its mark, in turn, in one run.
struct VaultBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vault",
        abstract: "Insert, scan and read rows, sealed and plain; commit with and without the mark.")

    @Option(help: "Rounds; medians of their ratios are reported.") var rounds = 7
    @Option(help: "MiB of rows.") var mebibytes = 16
    @Option(help: "Point reads of one row each.") var reads = 2000
    @Option(help: "Commits of one small change each.") var commits = 300
    @Flag(help: "Print JSON (it always does).") var json = false

    func run() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "attune-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        guard sealed_vfs_register() == 0 else { throw Failure("the sealing layer cannot start") }

        var plain: [Timing] = []
        var sealed: [Timing] = []
        var unmarked: [Double] = []
        var marked: [Double] = []
        for round in 0..<max(1, rounds) {
            // Alternating who goes first keeps a drifting machine from favouring one side.
            for side in round.isMultiple(of: 2) ? [false, true] : [true, false] {
                let path = folder.appending(path: "\(side ? "sealed" : "plain")-\(round).db").path
                try prepare(path, sealed: side)
                let timing = try Timing(path: path, mebibytes: mebibytes, reads: reads)
                if side { sealed.append(timing) } else { plain.append(timing) }
                _ = sealed_vfs_remove(path)
                try FileManager.default.removeItem(atPath: path)
                let store = folder.appending(path: "store-\(side)-\(round)").path
                let seconds = try CommitTiming.seconds(commits, marked: side, path: store)
                if side { marked.append(seconds) } else { unmarked.append(seconds) }
            }
        }
        let report = Report(
            rounds: rounds, mebibytes: mebibytes, reads: reads,
            insert: Comparison(plain.map(\.insert), sealed.map(\.insert)),
            coldScan: Comparison(plain.map(\.scan), sealed.map(\.scan)),
            pointRead: Comparison(plain.map(\.point), sealed.map(\.point)),
            commit: Commit(Comparison(unmarked, marked)))
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys]
        print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }

    private func prepare(_ path: String, sealed: Bool) throws {
        let key = (0..<32).map { _ in UInt8.random(in: 0...255) }
        let code = sealed ? sealed_vfs_create(path, key) : sealed_vfs_allow_plain(path)
        guard code == 0, !sealed || sealed_vfs_add(path, key) == 0 else { throw Failure("no database at \(path)") }
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private struct Report: Encodable {
        let rounds: Int
        let mebibytes: Int
        let reads: Int
        let insert: Comparison
        let coldScan: Comparison
        let pointRead: Comparison
        let commit: Commit
    }

    private struct Commit: Encodable {
        let unmarkedSeconds: Double
        let markedSeconds: Double
        let ratio: Double

        init(_ comparison: Comparison) {
            unmarkedSeconds = comparison.plainSeconds
            markedSeconds = comparison.sealedSeconds
            ratio = comparison.ratio
        }
    }
}
