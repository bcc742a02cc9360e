// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// Commands on a disk that fails: each call that writes, syncs, cuts or renames a file of the store fails in turn.
///
/// Whatever fails, the store opens afterwards as it was before the command or after it, and no chunk file is lost.
@Suite struct FailingDiskTests {
    /// How the disk fails from one call on.
    struct Fault: Equatable, CustomStringConvertible {
        let name: String
        let code: Int32
        /// Whether every later call fails too.
        let lasts: Bool
        var description: String { "\(name)\(lasts ? " for good" : " once")" }

        static let all = [("EIO", EIO), ("ENOSPC", ENOSPC)].flatMap { name, code in
            [false, true].map { Fault(name: name, code: code, lasts: $0) }
        }
    }

    /// A command, and the store it begins with.
    enum Scene: CaseIterable {
        /// Chunks, rows, the mark and the checkpoint of the end.
        case adding
        /// The log of a killed process is read, built on and emptied.
        case goingOn
        /// Chunk files go.
        case erasing
        /// The key file is replaced.
        case changingPassphrase
    }

    /// Each fault at each call; in the quick form one after the other at a few calls of each scene.
    @Test(arguments: Scene.allCases, InterruptionTests.isSlow ? Fault.all.map(Optional.some) : [nil])
    func aCallThatFailsCostsNothingThatWasStored(scene: Scene, only: Fault?) throws {
        let disk = try FailingDisk(scene)
        let calls = try disk.count()
        #expect(calls.count > 10, "\(calls)")
        let step = only == nil ? max(1, calls.count / 4) : 1
        for index in stride(from: 0, to: calls.count, by: step) {
            let fault = only ?? Fault.all[index / step % 4]
            let result = try disk.run(failing: index + 1, fault)
            let what: Comment =
                "call \(index + 1) of \(calls.count), \(calls[index]), \(fault): \(result.end) \(result.errors)"
            #expect(result.isOrderly, what)
            if result.status != 0 { #expect(result.errors.contains(/E-[A-Z]+-\d{3}/), what) }
            let found = try disk.state()
            if result.status == 0 {
                #expect(found == disk.after, what)
            } else {
                #expect(found == disk.before || found == disk.after, what)
            }
            if scene != .erasing { #expect(disk.chunks().isSuperset(of: disk.chunksBefore), what) }
            // A writer builds on what is there.
            try disk.label()
            #expect(try disk.state() == found, what)
        }
    }
}

/// A store that is put back before each run of a command, on a disk that fails when it is told to.
private final class FailingDisk {
    private(set) var before = State()
    private(set) var after = State()
    private(set) var chunksBefore: Set<String> = []
    private let store: TinyStore
    private var arguments: [String] = []
    private var saved: String { store.outside.path + "/saved" }
    private var library: String { store.outside.path + "/failing-disk.so" }
    private var log: String { store.outside.path + "/calls" }
    private var newKey: String { store.outside.path + "/new-key" }

    /// What a store holds, as far as the commands change it.
    struct State: Equatable {
        var versions: [String: String] = [:]
        var heads: [String] = []
        var trash: [String] = []
        var documents: [String] = []
        var isUnderNewKey = false
        var problems: [String] = []
    }

    init(_ scene: FailingDiskTests.Scene) throws {
        store = try TinyStore()
        let source = TestBase.tests.path + "/Data/failing-disk.c"
        let compiled = try store.attune.shell("clang -shared -fPIC -O1 -o '\(library)' '\(source)' -ldl")
        try #require(compiled.status == 0, "\(compiled.errors)")
        try store.outside.write("another passphrase\n", to: "new-key")
        chmod(newKey, 0o600)
        try prepare(scene)
        chunksBefore = chunks()
        before = try state()
        try FileManager.default.copyItem(atPath: store.attune.store, toPath: saved)
    }

    private func prepare(_ scene: FailingDiskTests.Scene) throws {
        try store.train(try store.writeRows(12), name: "notes")
        let folder = store.outside.path + "/peft"
        try store.expect("adapters", "export", "notes", "--format", "peft", folder, exits: 0)
        for name in ["old", "older"] { try store.expect("adapters", "import", folder, "--name", name, exits: 0) }
        for name in ["old", "older"] { try store.expect("adapters", "rm", name, "--yes", exits: 0) }
        switch scene {
        case .adding: arguments = ["adapters", "import", folder, "--name", "recipes"]
        case .goingOn:
            try leaveLog()
            arguments = ["adapters", "copy", "notes", "recipes"]
        case .erasing: arguments = ["trash", "empty", "--all", "--yes"]
        case .changingPassphrase: arguments = ["key", "passphrase", "--new-key-file", newKey]
        }
    }

    /// Leaves changes in the log, as a killed process does.
    private func leaveLog() throws {
        let vault = try store.vault(.writing)
        for index in 0..<5 {
            try vault.documents.put(name: "\(index)", text: String(repeating: "word \(index) ", count: 900))
        }
        let killed = store.outside.path + "/killed"
        try FileManager.default.copyItem(atPath: store.attune.store, toPath: killed)
        try vault.close()
        try put(killed)
    }

    /// Puts files in the place of the store's.
    private func put(_ folder: String) throws {
        try FileManager.default.removeItem(atPath: store.attune.store)
        try FileManager.default.copyItem(atPath: folder, toPath: store.attune.store)
        try? FileManager.default.removeItem(atPath: store.attune.store + "/attune.db-shm")
    }

    /// Runs the command where nothing fails; what it called, and on which file.
    func count() throws -> [String] {
        let result = try run(failing: 0, FailingDiskTests.Fault.all[0])
        try #require(result.status == 0, "\(result.errors)")
        after = try state()
        try #require(after != before)
        return try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map {
            String($0.drop { $0 != " " }.dropFirst())
        }
    }

    /// Runs the command on the store as it was.
    func run(failing call: Int, _ fault: FailingDiskTests.Fault) throws -> AttuneProcess.Result {
        try put(saved)
        try? FileManager.default.removeItem(atPath: log)
        var attune = store.attune
        attune.environment.merge([
            "LD_PRELOAD": library, "DISK_FOLDER": try #require(realpath(store.attune.store)), "DISK_LOG": log,
            "DISK_FIRST": "\(call)", "DISK_LAST": "\(fault.lasts && call > 0 ? Int.max : call)",
            "DISK_ERROR": "\(fault.code)",
        ]) { $1 }
        return try attune.run(arguments)
    }

    private func realpath(_ path: String) -> String? {
        guard let resolved = Foundation.realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Opens the store with whichever passphrase does.
    private func open(_ mode: Vault.Mode) throws -> (vault: Vault, isUnderNewKey: Bool) {
        do {
            return (try store.vault(mode), false)
        } catch let error as CryptoError where error.code == "E-KEY-001" {
            let key = SecretBytes(copying: Array("another passphrase".utf8))
            return (try Vault.open(at: store.attune.store, passphrase: key, mode: mode), true)
        }
    }

    /// Labels a version.
    func label() throws {
        let vault = try open(.writing).vault
        try vault.versions.label(try VersionReference("notes"), as: "later")
        try vault.close()
    }

    /// What is stored; throws if the store does not open.
    func state() throws -> State {
        var state = State()
        let vault: Vault
        (vault, state.isUnderNewKey) = try open(.reading)
        defer { try? vault.close() }
        for adapter in try vault.adapters.all() {
            state.heads.append("\(adapter.name): \(try vault.versions.fetch(adapter.name).reference)")
            for version in try vault.versions.all(of: adapter.name) {
                state.versions["\(version.reference)"] = "\(version.id)"
            }
        }
        state.trash = try vault.trash.entries().map(\.name)
        state.documents = try vault.documents.all().map(\.name)
        state.problems = try vault.verify().problems.map { "\($0.subject): \($0.message)" }
        return state
    }

    func chunks() -> Set<String> {
        Set(PlaintextSearch.files(store.attune.store + "/chunks").map { URL(filePath: $0).lastPathComponent })
    }
}
