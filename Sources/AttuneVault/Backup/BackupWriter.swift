// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// How a backup is made.
package struct BackupOptions: Sendable {
    /// How many states are kept, at least 1; the newest ones.
    package var keep = 2
    /// Reads again only a sixteenth of the chunks that an earlier run has copied, another one each time.
    package var isQuick = false
    /// Adds a store that does not go on from the newest state; states with changes that it does not have stay.
    package var acceptsOlder = false

    package init() {}
}

extension Vault {
    /// Copies the store as it is at one moment into the folder at `path`, or brings the backup there up to date.
    ///
    /// Others may use the store meanwhile, and write to it. Only chunks that the backup lacks are copied. The new state
    /// is put together beside the earlier ones, checked, and appears by one rename; whatever ends the process before
    /// leaves the earlier states whole. Then the oldest states beyond `options.keep` go, with the chunks that only they
    /// needed. The store is only read.
    ///
    /// - Throws: `VaultError` E-BACKUP-002, 003, 005, 006, 008; E-VAULT-005 if the store has lost something that the backup
    ///   does not have either; E-VAULT-006 (exit 7) if the backup's disk is full. No state is added then.
    @discardableResult
    package func backUp(
        to path: String, options: BackupOptions = BackupOptions(), progress: (BackupProgress) -> Void = { _ in }
    ) throws -> BackupReport {
        let target = try BackupFolder.prepare(path, for: folder)
        do {
            let lock = try target.lock()
            defer { withExtendedLifetime(lock) {} }
            return try BackupWriter(vault: self, folder: target, options: options).run(progress)
        } catch let error as VaultError where error.kind == .full {
            throw VaultError.backupFull(target, cause: error.cause)
        } catch let error as VaultError where error.kind == .failed && !target.isWritable {
            throw VaultError.cannotWrite(target, error)
        }
    }
}

/// One run of a backup.
final class BackupWriter {
    let vault: Vault
    let folder: BackupFolder
    let options: BackupOptions
    let vaultID: [UInt8]
    /// What the store remembers of its changes.
    let positions: [StorePosition]
    /// The number of the new state.
    let number: Int
    var copied: [ChunkID: Int] = [:]
    /// Chunks that took the place of damaged ones.
    var mended: Set<ChunkID> = []
    /// Chunks that were found whole in the backup in this run.
    var whole: [ChunkID: Int] = [:]

    /// How often the database is copied again because chunks went away meanwhile.
    private static let attempts = 200

    init(vault: Vault, folder: BackupFolder, options: BackupOptions) throws {
        self.vault = vault
        self.folder = folder
        self.options = options
        vaultID = try Vault.keyFile(at: vault.path).vaultID
        positions = try vault.read { try StorePosition.remembered($0) }
        number = (folder.numbers.last ?? 0) + 1
        guard number <= BackupFolder.lastNumber else {
            throw VaultError.cannotBackUp(
                to: folder.path, "states/\(number - 1), which no backup comes to, leaves no number for another state")
        }
    }

    func run(_ progress: (BackupProgress) -> Void) throws -> BackupReport {
        try requireOwn()
        try requireNewer()
        try prepareFolders()
        defer { removeTree(folder.staging) }
        let staged = StoreFolder(resolved: folder.staging + "/state", chunks: folder.chunks)
        for _ in 0..<Self.attempts {
            removeTree(staged.path)
            try DurableFile.makeFolder(staged.path)
            progress(BackupProgress(what: "copying the database", done: 0, total: 0))
            try copyDatabase(to: staged)
            let contents = try BackupContents(of: staged, key: vault.key)
            folder.chunkStore.bringBack(Set(contents.chunks))
            var damage: [ChunkID: String] = [:]
            var lost: Set<ChunkID> = []
            for (position, id) in contents.chunks.enumerated() {
                switch try secure(id) {
                case .whole: break
                case .wholeHereOnly(let why): damage[id] = why
                case .lost(let why):
                    damage[id] = why
                    lost.insert(id)
                }
                progress(BackupProgress(what: "copying chunks", done: position + 1, total: contents.chunks.count))
            }
            if !damage.isEmpty {
                // What the store itself has let go of meanwhile is not lost.
                let needed = try vault.read { try StoredBlob.chunksHere($0) }
                if !lost.isSubset(of: lost.intersection(needed)) { continue }
                damage = damage.filter { needed.contains($0.key) }
            }
            let sentences = contents.sentences(on: damage)
            guard lost.isEmpty else { throw VaultError.notBackedUp(sentences) }
            try settle()
            var report = BackupReport(path: folder.path, state: number)
            report.databaseBytes = try finish(staged, number: number, contents)
            try place(staged, as: number)
            report.statesAhead = statesAhead()
            report.chunksDropped = dropOldStates(keeping: report.statesAhead)
            try renewKeyFiles(from: folder.state(number))
            report.chunks = contents.chunks.count
            report.chunkBytes = size(of: contents.chunks)
            report.chunksCopied = copied.count
            report.bytesCopied = copied.values.reduce(0, +)
            report.chunksMended = mended.count
            report.states = folder.numbers
            report.damage = sentences
            return report
        }
        throw VaultError.storeTooBusy
    }

    /// Refuses the backup of another store: one of which no state is this one's.
    private func requireOwn() throws {
        let files = folder.numbers.compactMap { try? StoreKeyFile.read(folder.state($0).keyFile) }
        // A folder with a first backup that was cut off has a marker only.
        let named = files.isEmpty ? [folder.markedVault].compactMap(\.self) : files.map { Hex.encode($0.vaultID) }
        guard named.isEmpty || named.contains(Hex.encode(vaultID)) else {
            throw VaultError.otherStoresBackup(folder.path)
        }
    }

    private func prepareFolders() throws {
        let marker = Array(BackupFolder.markerText(vault: vaultID).utf8)
        if (try? DurableFile.read(folder.marker, limit: 4096)) != marker { try writeMarker(marker) }
        if let link = folder.link {
            throw VaultError.cannotBackUp(to: folder.path, "\(link) is a link to another folder")
        }
        for path in [folder.states, folder.chunks] { try DurableFile.makeFolder(path) }
        removeTree(folder.staging)
        try DurableFile.makeFolder(folder.staging)
        try DurableFile.syncFolder(folder.path)
    }

    /// Writes the marker in place: its lock is held, and it says nothing that a restore needs.
    private func writeMarker(_ bytes: [UInt8]) throws {
        let descriptor = open(folder.marker, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw VaultError.system("cannot write \(folder.marker)", errno: errno) }
        defer { close(descriptor) }
        guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw VaultError.system("cannot write \(folder.marker)", errno: errno == 0 ? ENOSPC : errno)
        }
    }

    private func removeTree(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    func size(of ids: [ChunkID]) -> Int { ids.reduce(0) { $0 + (whole[$1] ?? 0) } }
}
