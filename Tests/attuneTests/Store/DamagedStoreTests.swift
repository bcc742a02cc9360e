// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Stores of another version, damaged stores, and disks that fill up.
@Suite struct DamagedStoreTests {
    @Test func aStoreOfAnotherVersionIsLeftAlone() throws {
        let store = try TinyStore()
        let file = URL(filePath: store.attune.store + "/vault.key")
        var bytes = try Data(contentsOf: file)
        bytes[11] = 9
        try bytes.write(to: file)
        for command in [["status"], ["undo"], ["key", "show"]] {
            let result = try store.expect(command, exits: 1)
            #expect(result.errors.contains("E-VAULT-004"), "\(result.errors)")
            #expect(result.errors.contains("9"), "\(result.errors)")
        }
        #expect(try Data(contentsOf: file) == bytes)
        bytes[11] = 1
        try bytes.write(to: file)
        try store.expect("status", exits: 0)
    }

    @Test func aDamagedPageAndADamagedChunkAreNamed() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(12), name: "notes")
        func flip(_ path: String, at share: Double) throws {
            var bytes = try Data(contentsOf: URL(filePath: path))
            bytes[Int(Double(bytes.count) * share)] ^= 1
            try bytes.write(to: URL(filePath: path))
        }
        let chunk = try #require(PlaintextSearch.files(store.attune.store + "/chunks").first)
        try flip(chunk, at: 0.5)
        let verified = try store.attune.run("adapters", "verify")
        #expect(verified.status == 8)
        #expect(verified.isOrderly)
        #expect(verified.output.contains("notes@1"))
        try store.expect("ask", "notes", "hello", exits: 8)
        #expect(try store.attune.run("doctor").status == 8)
        try flip(chunk, at: 0.5)
        try store.expect("adapters", "verify", exits: 0)

        // In the first page, which every command reads.
        try flip(store.attune.store + "/attune.db", at: 0.001)
        for command in [["status"], ["adapters", "verify"]] {
            let result = try store.attune.run(command)
            #expect(result.status == 8, "\(command): \(result.end) \(result.errors)")
            #expect(result.isOrderly, "\(command): \(result.end) \(result.errors)")
        }
    }

    /// A process may write files of at most so many KiB: what a full disk looks like to it.
    @Test(arguments: [1, 24, 40, 64, 100, 160])
    func aFullDiskDuringTrainingLosesNothing(kilobytes: Int) throws {
        let store = try TinyStore()
        let rows = try store.writeRows(40)
        try store.train(rows, name: "notes")
        let before = try store.versions()
        let command = TinyStore.training(rows, name: "notes", epochs: "3", seed: 9)
        let words = command.map { "'\($0)'" }.joined(separator: " ")
        let result = try store.attune.shell("ulimit -f \(kilobytes); \"$ATTUNE\" \(words) | cat; exit ${PIPESTATUS[0]}")
        #expect(result.isOrderly, "\(result.end) \(result.errors)")
        if result.status != 0 {
            #expect(result.status == 7, "\(result.errors)")
            #expect(result.errors.contains("E-VAULT-006"), "\(result.errors)")
            #expect(try store.versions() == before)
        }
        try store.expect("adapters", "verify", exits: 0)
        for (reference, id) in before { #expect(try store.versions()[reference] == id) }
        // With room again the store works as before.
        try store.train(rows, name: "notes", seed: 10)
    }

    @Test(arguments: [1, 16, 60])
    func aFullDiskDuringInitLeavesNoStore(kilobytes: Int) throws {
        let attune = try AttuneProcess()
        let file = try TinyStore.base.write(to: attune.home)
        let result = try attune.shell("ulimit -f \(kilobytes); exec \"$ATTUNE\" init --base '\(file)' --yes")
        #expect(result.isOrderly, "\(result.end) \(result.errors)")
        #expect(result.status == 7, "\(result.end) \(result.errors)")
        #expect(result.errors.contains(/E-[A-Z]+-\d{3}/), "\(result.errors)")
        let names = try FileManager.default.contentsOfDirectory(atPath: attune.home.path)
        #expect(names.allSatisfy { !$0.hasPrefix("store") }, "\(names)")
        let bases = (try? FileManager.default.contentsOfDirectory(atPath: attune.bases)) ?? []
        #expect(bases.isEmpty, "\(bases)")
    }

    /// Whether a file system of its own can be mounted here.
    static let canMount: Bool = {
        guard let attune = try? AttuneProcess() else { return false }
        return (try? attune.shell("unshare -m bash -c 'mount -t tmpfs -o size=1m tmpfs /mnt'"))?.status == 0
    }()

    @Test(.enabled(if: Self.canMount, "no tmpfs can be mounted here"))
    func aSmallFileSystemThatFillsUpLosesNothing() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(40)
        try store.train(rows, name: "notes")
        let words = TinyStore.training(rows, name: "notes", epochs: "3", seed: 9).map { "'\($0)'" }
            .joined(separator: " ")
        let result = try store.attune.shell(
            """
            unshare -m bash -c '
            mkdir -p "$HOME/small" && mount -t tmpfs -o size=4m tmpfs "$HOME/small" && cp -r "$ATTUNE_STORE" "$HOME/small/s" || exit 99
            export ATTUNE_STORE=$HOME/small/s
            "$ATTUNE" adapters list --json || exit 98
            dd if=/dev/zero of="$HOME/small/filler" bs=1k status=none
            "$ATTUNE" '"\(words)"' >/dev/null; code=$?
            "$ATTUNE" adapters verify >/dev/null || exit 97
            exit $code'
            """)
        #expect(result.isOrderly, "\(result.end) \(result.errors)")
        #expect(result.status == 7, "\(result.end) \(result.errors)")
        #expect(result.errors.contains("E-VAULT-006"), "\(result.errors)")
    }
}
