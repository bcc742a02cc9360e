// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// `attune backup` and `attune restore` over real stores and processes.
@Suite struct BackupTests {
    /// Commands that write, one after the other, until told to stop.
    private final class Writer {
        private let process: ChildProcess
        private let stop: String

        init(_ store: TinyStore, importing folder: String) throws {
            stop = store.outside.path + "/stop-\(UUID().uuidString)"
            var attune = store.attune
            attune.environment["ATTUNE"] = try AttuneProcess.binary
            process = try ChildProcess(
                "bash",
                [
                    "-c",
                    """
                    for i in $(seq 1000); do
                        [ -e '\(stop)' ] && exit 0
                        "$ATTUNE" adapters import '\(folder)' --name "busy-$i" || exit 1
                        "$ATTUNE" adapters rm "busy-$i" --yes && "$ATTUNE" trash empty --all --yes || exit 2
                        "$ATTUNE" adapters copy notes "kept-$i" || exit 3
                    done
                    """,
                ], environment: attune.environment, folder: store.attune.home.path,
                output: store.outside.path + "/written", errors: store.outside.path + "/failed")
        }

        func end() throws -> ChildProcess.End {
            try Data().write(to: URL(filePath: stop))
            return try process.wait(limit: 120)
        }
    }

    private static func trained() throws -> (store: TinyStore, folder: String) {
        let store = try TinyStore()
        try store.train(try store.writeRows(20), name: "notes")
        let folder = store.outside.path + "/peft"
        try store.expect("adapters", "export", "notes", "--format", "peft", folder, exits: 0)
        return (store, folder)
    }

    private static func versions(_ path: String) throws -> [String: VersionID] {
        let vault = try Vault.open(at: path, passphrase: TinyStore.passphrase, mode: .reading)
        defer { try? vault.close() }
        let records = try vault.adapters.all().flatMap { try vault.versions.all(of: $0.name) }
        return Dictionary(records.map { ($0.reference.description, $0.id) }, uniquingKeysWith: { first, _ in first })
    }

    @Test func aBackupBesideAWriterRestoresToAWholeStore() throws {
        let (store, folder) = try Self.trained()
        let backup = store.outside.path + "/backup"
        let writer = try Writer(store, importing: folder)
        var known: Set<String> = []
        for round in 1...4 {
            let made = try store.expect("backup", backup, "--json", exits: 0).json()
            #expect(made["state"] as? Int == round)
            let target = store.outside.path + "/restored-\(round)"
            try store.expect("restore", backup, "--store", target, exits: 0)
            try store.expect("adapters", "verify", "--store", target, exits: 0)
            let names = Set(try Self.versions(target).keys)
            #expect(names.isSuperset(of: known.filter { !$0.hasPrefix("busy-") }))
            known = names
        }
        #expect(try writer.end() == .exit(0))
        try store.expect("backup", "--verify", backup, exits: 0)
        #expect(try PlaintextSearch.find(["The boat is seen on day", "kept-1"], below: backup) == [])
    }

    /// Kills at any moment leave the earlier states whole, and the next run goes on.
    @Test func killedBackupsLeaveAWholeOne() throws {
        let (store, folder) = try Self.trained()
        let backup = store.outside.path + "/backup"
        try store.expect("backup", backup, exits: 0)
        let clock = ContinuousClock()
        let start = clock.now
        try store.expect("adapters", "import", folder, "--name", "one", exits: 0)
        try store.expect("backup", backup, exits: 0)
        let usual = start.duration(to: clock.now) / .seconds(1)
        var state = 2
        for round in 0..<(InterruptionTests.isSlow ? 200 : 12) {
            if round % 3 == 0 { try store.expect("adapters", "import", folder, "--name", "more-\(round)", exits: 0) }
            let before = try store.versions()
            let process = try store.attune.start(["backup", backup, "--json"])
            usleep(UInt32(Double.random(in: 0...0.8) * usual * 1e6))
            process.send(SIGKILL)
            _ = process.remainingLines()
            _ = try process.wait()
            let checked = try store.attune.run("backup", "--verify", backup, "--json")
            #expect(checked.status == 0, "round \(round): \(checked.output) \(checked.errors)")
            let whole = try #require(try checked.json()["whole_states"] as? [Int])
            let newest = try #require(whole.last)
            #expect(newest >= state, "round \(round)")
            state = newest
            #expect(try store.versions() == before)
            if round % 4 == 3 {
                let target = store.outside.path + "/restored-\(round)"
                try store.expect("restore", backup, "--store", target, exits: 0)
                #expect(try Set(Self.versions(target).keys).isSubset(of: Set(before.keys)))
            }
        }
        try store.expect("backup", backup, exits: 0)
        let target = store.outside.path + "/restored"
        try store.expect("restore", backup, "--store", target, exits: 0)
        #expect(try Self.versions(target) == store.versions())
        #expect(try !FileManager.default.contentsOfDirectory(atPath: backup).contains("tmp"))
        try store.expect("doctor", exits: 0)
    }

    @Test func killedRestoresLeaveNoStore() throws {
        let (store, _) = try Self.trained()
        let backup = store.outside.path + "/backup"
        try store.expect("backup", backup, exits: 0)
        let folder = store.outside.path + "/place"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for _ in 0..<(InterruptionTests.isSlow ? 40 : 5) {
            let process = try store.attune.start(["restore", backup, "--store", folder + "/store"])
            usleep(UInt32.random(in: 0...400_000))
            process.send(SIGKILL)
            _ = process.remainingLines()
            guard try process.wait() == .signal(SIGKILL) else { break }
            // The rename may have happened before the signal came.
            if Vault.exists(at: folder + "/store") { break }
            #expect(!FileManager.default.fileExists(atPath: folder + "/store"))
        }
        if !Vault.exists(at: folder + "/store") {
            try store.expect("restore", backup, "--store", folder + "/store", exits: 0)
        }
        try store.expect("adapters", "verify", "--store", folder + "/store", exits: 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["store"])
    }

    @Test func whatIsRefusedSaysWhatToDoAndThatWorks() throws {
        let (store, _) = try Self.trained()
        let backup = store.outside.path + "/my backup"
        try store.expect("backup", backup, exits: 0)
        let versions = try store.versions()
        let refused = try store.expect("restore", backup, exits: 6)
        #expect(refused.errors.contains("E-STORE-001"))
        let command = try #require(
            refused.errors.firstMatch(of: /Move it away: (.*); or restore beside it: (.*)/)?.output)
        let script = "PATH=\"$(dirname \"$ATTUNE\"):$PATH\"; "
        for part in [String(command.2), String(command.1)] {
            let done = try store.attune.shell(script + part)
            #expect(done.status == 0, "\(part): \(done.errors)")
        }
        #expect(try store.versions() == versions)
        #expect(try Self.versions(store.attune.store + ".before") == versions)
        #expect(try Self.versions(store.attune.store + ".restored") == versions)
        let wrong = try store.outside.write("another passphrase\n", to: "wrong")
        chmod(wrong, 0o600)
        try store.expect("backup", backup, "--key-file", wrong, exits: 12)
        for command in [["backup", "--verify", backup], ["restore", backup, "--store", store.outside.path + "/x"]] {
            let failed = try store.attune.run(command + ["--key-file", wrong])
            #expect(failed.status == 12, "\(command)")
            #expect(failed.errors.contains(" '\(backup)' --recovery"), "\(failed.errors)")
            #expect(!failed.errors.contains("key recover"), "\(failed.errors)")
        }
        let nowhere = store.outside.path + "/nowhere"
        try store.expect("key", "recover", "--words-file", nowhere, "--store", nowhere, exits: 10)
        try store.expect("restore", store.outside.path, "--store", store.outside.path + "/x", exits: 5)
        try store.expect("backup", store.attune.store + "/inside", exits: 6)
        try store.expect("backup", store.outside.path, exits: 6)
        #expect(!FileManager.default.fileExists(atPath: store.outside.path + "/x"))
    }

    /// One bad chunk that all states share: what is proposed works as it stands there.
    @Test func aDamagedBackupSaysWhatIsLostAndSavesTheRest() throws {
        let (store, _) = try Self.trained()
        let rows = try store.writeRows(20)
        let backup = store.outside.path + "/my backup"
        try store.expect("backup", backup, exits: 0)
        try store.train(rows, name: "letters", seed: 8)
        try store.expect("backup", backup, exits: 0)
        let versions = try store.versions()
        // One of the chunks of letters is in the newer state only, one of notes in both.
        let vault = try store.vault()
        let chunks = try ["letters", "notes"].map { name in
            let id = try vault.versions.fetch(name).id
            return try #require(PlaintextSearch.files(backup + "/chunks").first { try Self.isPart($0, of: id, vault) })
        }
        try vault.close()
        let target = store.outside.path + "/restored"
        let script = "PATH=\"$(dirname \"$ATTUNE\"):$PATH\"; "

        try Self.flip(chunks[0])
        let first = try store.expect("restore", backup, "--store", target, exits: 8)
        #expect(first.errors.contains("E-BACKUP-004"))
        #expect(first.errors.contains("state 2: letters@1: the chunk file"))
        #expect(!first.errors.contains("notes@1"))
        let whole = try #require(first.errors.firstMatch(of: /whole one: (attune restore [^;]*)/)?.output.1)
        #expect(try store.attune.shell(script + whole).status == 0, "\(whole)")
        #expect(try Self.versions(target).keys.sorted() == ["notes@1"])
        try FileManager.default.removeItem(atPath: target)

        try Self.flip(chunks[1])
        let checked = try store.attune.run("backup", "--verify", backup)
        #expect(checked.status == 8)
        #expect(checked.errors.contains("no state is whole"))
        let second = try store.expect("restore", backup, "--store", target, "--state", "1", exits: 8)
        #expect(second.errors.contains("state 1: notes@1: the chunk file"))
        #expect(second.errors.contains("No other state is whole"))
        let rest = try #require(second.errors.firstMatch(of: /named: (attune restore [^;]*--damaged[^;]*)/)?.output.1)
        let saved = try store.attune.shell(script + rest)
        #expect(saved.status == 3, "\(rest): \(saved.errors)")
        #expect(saved.output.contains("LOST      notes@1: the chunk file"), "\(saved.output)")
        #expect(saved.errors.contains("E-VAULT-012"), "\(saved.errors)")
        #expect(try Self.versions(target).isEmpty)
        try store.expect("doctor", "--store", target, exits: 0)
        let inTheWay = try store.expect("restore", backup, "--damaged", "--state", "1", exits: 6).errors
        let repeated = inTheWay.matches(of: /attune restore '[^']*' --state 1 --damaged --store/).count
        #expect(repeated == 2, "\(inTheWay)")
        #expect(try store.versions() == versions)
        let json = try store.expect("restore", backup, "--damaged", "--store", target + "2", "--json", exits: 3)
        #expect(try json.json()["complete"] as? Bool == false)
        #expect((try json.json()["lost"] as? [[String: Any]])?.count == 2)
        #expect(json.errors.contains(#""error":"E-VAULT-012""#))

        let mended = try store.expect("backup", backup, "--json", exits: 0).json()
        #expect(mended["chunks_mended"] as? Int == 2)
        try store.expect("restore", backup, "--store", target + "3", exits: 0)
        #expect(try Self.versions(target + "3") == versions)
        let all = try store.expect("restore", backup, "--damaged", "--store", target + "4", "--json", exits: 0).json()
        #expect(all["complete"] as? Bool == true)
        #expect(try Self.versions(target + "4") == versions)
        #expect(try PlaintextSearch.find(["The boat is seen on day"], below: target) == [])
    }

    /// Whether a store without this chunk lacks a version.
    private static func isPart(_ chunk: String, of version: VersionID, _ vault: Vault) throws -> Bool {
        let path = "\(vault.path)/chunks/\(chunk.suffix(67))"
        let bytes = try Data(contentsOf: URL(filePath: path))
        try FileManager.default.removeItem(atPath: path)
        defer { try? bytes.write(to: URL(filePath: path)) }
        return (try? vault.versions.bytes(version)) == nil
    }

    private static func flip(_ path: String) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count / 2] ^= 4
        try bytes.write(to: URL(filePath: path))
    }

    @Test(.enabled(if: DamagedStoreTests.canMount, "no tmpfs can be mounted here"))
    func aFileSystemThatFillsUpKeepsTheEarlierBackup() throws {
        let (store, folder) = try Self.trained()
        let result = try store.attune.shell(
            """
            unshare -m bash -c '
            mkdir -p "$HOME/small" && mount -t tmpfs -o size=5m tmpfs "$HOME/small" || exit 99
            dd if=/dev/zero of="$HOME/small/filler" bs=1k status=none
            "$ATTUNE" backup "$HOME/small/b" 2>"$HOME/first"; [ $? = 7 ] || exit 93
            grep -q "nothing was backed up" "$HOME/first" && ! grep -q "trash empty" "$HOME/first" || exit 92
            rm -r "$HOME/small/filler" "$HOME/small/b"
            "$ATTUNE" backup "$HOME/small/b" >/dev/null || exit 98
            "$ATTUNE" adapters import "\(folder)" --name more >/dev/null || exit 97
            dd if=/dev/zero of="$HOME/small/filler" bs=1k status=none
            "$ATTUNE" backup "$HOME/small/b"; [ $? = 7 ] || exit 94
            truncate -s -100K "$HOME/small/filler"
            "$ATTUNE" backup "$HOME/small/b"; code=$?
            "$ATTUNE" backup --verify "$HOME/small/b" --json || exit 96
            "$ATTUNE" restore "$HOME/small/b" --store "$HOME/again" >/dev/null || exit 95
            exit $code'
            """)
        #expect(result.isOrderly)
        #expect(result.status == 7, "\(result.end) \(result.errors)")
        #expect(result.errors.contains("E-VAULT-006"), "\(result.errors)")
        #expect(result.output.contains(#""whole_states":[1]"#), "\(result.output)")
        #expect(try Self.versions(store.attune.home.path + "/again").keys.sorted() == ["notes@1"])
    }

    /// What a restored device published after its backup comes back from the relay; a second copy in use is told.
    @Test func aRestoredDeviceGoesOnInItsCircle() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let relay = try RelayProcess()
        try SyncCircle.pair(first, second, relays: (relay.address, relay.address))
        let rows = try first.writeRows(20)
        try first.train(rows, name: "notes")
        try SyncCircle.sync(first)
        let backup = first.outside.path + "/backup"
        try first.expect("backup", backup, exits: 0)
        try first.train(rows, name: "notes", seed: 8)
        try SyncCircle.sync(first)
        try SyncCircle.sync(second)
        let later = try first.versions()
        let restored = first.outside.path + "/restored"
        try first.expect("restore", backup, "--store", restored, exits: 0)
        let again = TinyStore(first, with: "ATTUNE_STORE", restored)
        #expect(try again.versions().count == 1)
        try again.train(rows, name: "letters", seed: 9)
        try SyncCircle.sync(again)
        #expect(try again.versions().filter { $0.key.hasPrefix("notes") } == later)
        try SyncCircle.sync(second)
        #expect(try second.versions().keys.contains("letters@1"))
        // The store that was backed up is used on: two stores are one device now.
        try first.train(rows, name: "notes", seed: 10)
        let clone = try first.attune.run("sync", "now", "--json")
        #expect(clone.isOrderly)
        try again.train(rows, name: "letters", seed: 11)
        let other = try again.attune.run("sync", "now", "--json")
        #expect(other.isOrderly)
        // Whichever of the two comes second for a place in the log gets what is there, or is told of the fork.
        let told = [clone, other].filter { $0.status != 0 }
        for result in told { #expect(result.errors.contains(/E-SYNC-00[69]/), "\(result.errors)") }
        for store in [first, again] { try store.expect("adapters", "verify", exits: 0) }
        withExtendedLifetime(relay) {}
    }
}
