// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// Copies the store as it is at one moment into the folder at `path`, or brings the backup there up to date.
    ///
    /// Others may use the store meanwhile, and write to it. Only chunks that the backup lacks are copied. The new state
    /// is put together beside the earlier ones, checked, and appears by one rename; whatever ends the process before
    /// leaves the earlier states whole. Then the oldest states beyond `options.keep` go, with the chunks that only they
    /// needed. The store is only read.
    ///
    /// - Throws: `VaultError` E-BACKUP-002, 003, 005, 006; E-VAULT-005 if the store has lost something that the backup
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
        } catch let error as VaultError where error.exitStatus == .doesNotFit {
            throw VaultError.backupFull(target.path, cause: error)
        }
    }
}

/// One run of a backup.
final class BackupWriter {
    private let vault: Vault
    private let folder: BackupFolder
    private let options: BackupOptions
    private let vaultID: [UInt8]
    private var copied: [Digest256: Int] = [:]
    /// Chunks that were found whole in the backup in this run.
    private var whole: [Digest256: Int] = [:]

    /// How often the database is copied again because chunks went away meanwhile.
    private static let attempts = 200

    init(vault: Vault, folder: BackupFolder, options: BackupOptions) throws {
        self.vault = vault
        self.folder = folder
        self.options = options
        vaultID = try Vault.keyFile(at: vault.path).vaultID
    }

    func run(_ progress: (BackupProgress) -> Void) throws -> BackupReport {
        try requireOwn()
        try prepareFolders()
        defer { removeTree(folder.staging) }
        let number = (folder.numbers.last ?? 0) + 1
        let staged = StoreFolder(resolved: folder.staging + "/state", chunks: folder.chunks)
        for _ in 0..<Self.attempts {
            removeTree(staged.path)
            try DurableFile.makeFolder(staged.path)
            progress(BackupProgress(what: "copying the database", done: 0, total: 0))
            try copyDatabase(to: staged)
            let contents = try BackupContents(of: staged, key: vault.key)
            var damage: [Digest256: String] = [:]
            var lost: Set<Digest256> = []
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
            let sentences = try contents.sentences(on: damage)
            guard lost.isEmpty else { throw VaultError.notBackedUp(sentences) }
            try settle()
            let databaseBytes = try finish(staged, number: number, contents)
            try place(staged, as: number)
            let dropped = dropOldStates()
            return BackupReport(
                path: folder.path, state: number, databaseBytes: databaseBytes, chunks: contents.chunks.count,
                chunkBytes: size(of: contents.chunks), chunksCopied: copied.count,
                bytesCopied: copied.values.reduce(0, +), states: folder.numbers, chunksDropped: dropped,
                damage: sentences, isInCircle: contents.isInCircle)
        }
        throw VaultError.storeTooBusy
    }

    /// Refuses the backup of another store.
    private func requireOwn() throws {
        for number in folder.numbers.reversed() {
            guard let file = try? StoreKeyFile.read(folder.state(number).keyFile) else { continue }
            guard file.vaultID == vaultID else { throw VaultError.otherStoresBackup(folder.path) }
            return
        }
        // A folder with a first backup that was cut off has a marker only.
        let text = String(decoding: (try? DurableFile.read(folder.marker, limit: 4096)) ?? [], as: UTF8.self)
        let named = text.firstMatch(of: /(?m)^vault ([0-9a-f]{32})$/)?.output.1
        guard named == nil || named.map(String.init) == Hex.encode(vaultID) else {
            throw VaultError.otherStoresBackup(folder.path)
        }
    }

    private func prepareFolders() throws {
        let marker = Array(BackupFolder.markerText(vault: vaultID).utf8)
        if (try? DurableFile.read(folder.marker, limit: 4096)) != marker { try writeMarker(marker) }
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

    private func size(of ids: [Digest256]) -> Int { ids.reduce(0) { $0 + (whole[$1] ?? 0) } }
}

// MARK: The database

extension BackupWriter {
    /// Copies the store's database of one moment under a database id of its own, and checks the copy.
    ///
    /// Pages of the backup and of the store can so never stand in for each other. The log of the copy is emptied.
    private func copyDatabase(to staged: StoreFolder) throws {
        do {
            try SealedDatabase.create(path: staged.database, vaultKey: vault.key)
            let seal = try SealedDatabase(path: staged.database, vaultKey: vault.key, use: .alone)
            defer { withExtendedLifetime(seal) {} }
            let copy = try DatabaseQueue(path: staged.database, configuration: StoreDatabase.alone)
            defer { try? copy.close() }
            try vault.database.read { source in
                try copy.writeWithoutTransaction { target in
                    try source.backup(to: target)
                    try target.checkpoint(.truncate)
                }
            }
            try StoreDatabase.requireSound(copy)
            try copy.close()
        } catch let error as DatabaseError {
            throw VaultError.copying(error, into: folder.staging)
        }
        unlink(staged.databaseLog)
        let damaged = try SealedDatabase.examine(path: staged.database, vaultKey: vault.key).damaged
        guard damaged.isEmpty else { throw VaultError.diskForgets(folder.path) }
    }

    /// Writes the rest of the state; returns the bytes of the database.
    private func finish(_ staged: StoreFolder, number: Int, _ contents: BackupContents) throws -> Int {
        guard let keyFile = try DurableFile.read(vault.folder.keyFile, limit: 1 << 16) else {
            throw VaultError.damaged("vault.key is missing")
        }
        var files = [
            (staged.keyFile, keyFile),
            ("\(staged.path)/\(BackupManifest.chunkList)", contents.chunks.flatMap(\.bytes)),
        ]
        if let (head, device) = contents.ownHead {
            files.append(
                (staged.ownHead, OwnHeadFile(folder: staged, key: vault.key.copy()).encoded(head, device: device)))
        }
        for (path, bytes) in files {
            try bytes.withUnsafeBytes { try DurableFile.write($0, to: path, staging: folder.staging + "/file") }
        }
        try DurableFile.sync(staged.database)
        let names = ["attune.db"] + files.map { URL(filePath: $0.0).lastPathComponent }
        let manifest = BackupManifest(
            format: BackupManifest.format, vault: Hex.encode(vaultID), state: number,
            made: Timestamp.milliseconds(vault.now()), layout: contents.layout, chunks: contents.chunks.count,
            chunkBytes: size(of: contents.chunks),
            files: try names.sorted().map { try BackupManifest.File($0, in: staged) })
        try manifest.encoded(key: vault.key).withUnsafeBytes {
            try DurableFile.write(
                $0, to: "\(staged.path)/\(BackupManifest.fileName)", staging: folder.staging + "/file")
        }
        try DurableFile.syncFolder(staged.path)
        return manifest.files.first { $0.name == "attune.db" }?.bytes ?? 0
    }

    private func place(_ staged: StoreFolder, as number: Int) throws {
        let place = folder.state(number).path
        guard rename(staged.path, place) == 0 else { throw VaultError.system("cannot make \(place)", errno: errno) }
        try DurableFile.syncFolder(folder.states)
    }
}

// MARK: Chunks

extension BackupWriter {
    private enum Outcome {
        case whole
        /// The backup has it, and the store does not any more.
        case wholeHereOnly(String)
        case lost(String)
    }

    /// Sees to it that the backup has a chunk, and looks whether the store still has it.
    private func secure(_ id: Digest256) throws -> Outcome {
        if whole[id] != nil { return .whole }
        let store = folder.chunkStore
        if options.isQuick, let size = store.byteCount(id) {
            whole[id] = size
            return .whole
        }
        let kept = store.bytes(id)
        let found = Result { try vault.chunks.checkedBytes(id) }
        if let kept {
            whole[id] = kept.count
            guard case .failure(let error as VaultError) = found else { return .whole }
            return .wholeHereOnly(error.message)
        }
        switch found {
        case .success(let bytes):
            try store.copy(id, bytes, staging: folder.staging)
            copied[id] = bytes.count
            whole[id] = bytes.count
            return .whole
        case .failure(let error as VaultError): return .lost(error.message)
        case .failure(let error): throw error
        }
    }

    /// Brings what was copied to the disk and reads it back from there.
    private func settle() throws {
        var parents: Set<String> = [folder.chunks]
        for id in copied.keys {
            let path = folder.chunkStore.folder.chunk(id)
            try DurableFile.sync(path)
            DurableFile.forget(path)
            parents.insert(URL(filePath: path).deletingLastPathComponent().path)
        }
        for parent in parents { try DurableFile.syncFolder(parent) }
        for id in copied.keys where folder.chunkStore.bytes(id) == nil {
            throw VaultError.diskForgets(folder.path)
        }
    }

    /// Drops the oldest states beyond those that are kept, then the chunks that none of the others needs.
    ///
    /// A state goes first, by one rename, so none that is there ever lacks a chunk.
    private func dropOldStates() -> Int {
        let numbers = folder.numbers
        for number in numbers.dropLast(max(options.keep, 1)) {
            guard rename(folder.state(number).path, "\(folder.staging)/dropped-\(number)") == 0 else { return 0 }
        }
        try? DurableFile.syncFolder(folder.states)
        var needed: Set<Digest256> = []
        for number in folder.numbers {
            // What an unreadable list names is not known, so nothing goes.
            guard let manifest = try? BackupManifest.read(folder.state(number), key: vault.key),
                let list = try? BackupContents.list(of: folder.state(number), manifest)
            else { return 0 }
            needed.formUnion(list)
        }
        let unneeded = folder.chunkStore.files().filter { !needed.contains($0.id) }
        for file in unneeded { unlink(file.path) }
        return unneeded.count
    }
}
