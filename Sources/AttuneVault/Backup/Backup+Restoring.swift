// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

/// What `attune restore` made.
package struct RestoreReport: Sendable, Equatable {
    /// The folder of the new store.
    package let store: String
    package let state: Int
    /// When the state was backed up.
    package let made: Date
    package let versions: Int
    package let chunks: Int
    package let bytes: Int
    /// Whether the store is a device of a circle.
    package let isInCircle: Bool
}

extension Backup {
    /// Makes a store at `path` of a state of the backup, every page, chunk and version checked before it appears there.
    ///
    /// - Parameters:
    ///   - path: nothing, or an empty folder.
    ///   - state: the number of a state; nil for the newest.
    /// - Throws: `VaultError` E-VAULT-008 (something is there already), E-BACKUP-001 (no such state), E-BACKUP-004
    ///   (the state is damaged), E-VAULT-006 (disk full). Nothing is left at `path` then.
    @discardableResult
    package func restore(
        to path: String, state wanted: Int? = nil, progress: (BackupProgress) -> Void = { _ in }
    ) throws -> RestoreReport {
        let number = try number(wanted)
        let state = folder.state(number)
        let manifest = try BackupManifest.read(state, key: key)
        guard let manifest, manifest.state == number, manifest.format == BackupManifest.format else {
            throw damaged("states/\(number)/\(BackupManifest.fileName) is missing or was changed", number)
        }
        let list = try readingBackup(number) { try BackupContents.list(of: state, manifest) }
        let bytes = manifest.files.reduce(manifest.chunkBytes) { $0 + $1.bytes }
        var versions = 0
        var isInCircle = false
        try Vault.placeStore(at: path) { store in
            for file in manifest.files where file.name != BackupManifest.chunkList {
                try self.copy(file, of: state, into: store, number)
            }
            try self.copyChunks(list, into: store, number, progress)
            // Brings an older layout up to date, and writes what a store has beside its database.
            let vault = try Vault.open(
                store, vaultKey: self.key.copy(), lock: StoreLock(folder: store, command: "attune restore"),
                mode: .writing, now: self.now, accepting: true)
            let report = try vault.verify {
                progress(BackupProgress(what: "checking versions", done: $0, total: $1))
            }
            if let problem = report.problems.first {
                throw self.damaged(ShownText.line("\(problem.subject): \(problem.message)"), number)
            }
            versions = report.versions
            isInCircle = try vault.circleIdentity() != nil
            if isInCircle {
                try vault.appendSyncLog(
                    level: "info", remote: "",
                    text: "restored from state \(number) of a backup; what was published since comes back by syncing")
            }
            try vault.close()
        }
        return RestoreReport(
            store: URL(filePath: path).standardizedFileURL.path, state: number, made: Timestamp.date(manifest.made),
            versions: versions, chunks: list.count, bytes: bytes, isInCircle: isInCircle)
    }

    private func copy(
        _ file: BackupManifest.File, of state: StoreFolder, into store: StoreFolder, _ number: Int
    ) throws {
        let (source, target) = ("\(state.path)/\(file.name)", "\(store.path)/\(file.name)")
        guard file.name.wholeMatch(of: /[a-z][a-z.-]*/) != nil else {
            throw damaged("a file of an unknown name: \(file.name)", number)
        }
        guard let found = try? BackupManifest.File(file.name, in: state), found == file else {
            throw damaged("states/\(number)/\(file.name) is missing or was changed", number)
        }
        try DurableFile.copy(source, to: target)
        guard try BLAKE2b.hash(file: target) == file.digest else {
            throw damaged("states/\(number)/\(file.name) changed while it was read", number)
        }
    }

    private func copyChunks(
        _ ids: [ChunkID], into store: StoreFolder, _ number: Int, _ progress: (BackupProgress) -> Void
    ) throws {
        let target = ChunkStore(folder: store)
        for (position, id) in ids.enumerated() {
            let bytes = try readingBackup(number) { try self.folder.chunkStore.checkedBytes(id) }
            try target.copy(id, bytes, staging: store.staging)
            try DurableFile.sync(store.chunk(id))
            progress(BackupProgress(what: "copying chunks", done: position + 1, total: ids.count))
        }
        for name in BackupFolder.names(store.chunks) { try DurableFile.syncFolder("\(store.chunks)/\(name)") }
        try DurableFile.syncFolder(store.chunks)
    }

    private func readingBackup<Value>(_ number: Int, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as VaultError where error.isOfData {
            throw damaged(
                error.message.replacing("the store is damaged: ", with: "").replacing(
                    "the backup is damaged: ", with: ""),
                number, cause: error)
        }
    }

    /// Names another state if there is one.
    private func damaged(_ what: String, _ number: Int, cause: (any Error)? = nil) -> VaultError {
        let place = VaultError.quoted(folder.path)
        let earlier = folder.numbers.last { $0 < number } ?? folder.numbers.last { $0 != number }
        return VaultError.backupDamaged(
            what,
            remedy: "See what is whole: attune backup --verify \(place)"
                + (earlier.map { "; restore another state: attune restore \(place) --state \($0)" } ?? ""),
            cause: cause)
    }
}
