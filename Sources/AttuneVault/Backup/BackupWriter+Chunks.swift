// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

extension BackupWriter {
    enum Outcome {
        case whole
        /// The backup has it, and the store does not any more.
        case wholeHereOnly(String)
        case lost(String)
    }

    /// Sees to it that the backup has a chunk, and looks whether the store still has it.
    func secure(_ id: ChunkID) throws -> Outcome {
        if whole[id] != nil { return .whole }
        let store = folder.chunkStore
        if options.isQuick, !isDue(id), let size = store.byteCount(id) {
            whole[id] = size
            return .whole
        }
        let kept = store.bytes(id)
        let found = Result { try vault.chunks.checkedBytes(id) }
        if let kept {
            whole[id] = kept.count
            guard case .failure(let error as VaultError) = found else { return .whole }
            return .wholeHereOnly(error.defect)
        }
        switch found {
        case .success(let bytes):
            if store.setAside(id, at: vault.now()) { mended.insert(id) }
            try store.copy(id, bytes, staging: folder.staging)
            copied[id] = bytes.count
            whole[id] = bytes.count
            return .whole
        case .failure(let error as VaultError): return .lost(error.defect)
        case .failure(let error): throw error
        }
    }

    /// How many quick runs it takes until every chunk was read.
    private static let quickShares = 16

    /// Whether a quick run reads this chunk: a disk that keeps the name and the size of a file may still lose its bytes.
    private func isDue(_ id: ChunkID) -> Bool { Int(id.bytes[0]) % Self.quickShares == number % Self.quickShares }

    /// Brings what was copied to the disk and reads it back from there.
    func settle() throws {
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

    /// Drops the states that are older than as many whole ones as are kept, then the chunks that none of the others needs.
    ///
    /// A state goes first, by one rename, so none that is there ever lacks a chunk. Damaged chunks that were set aside go
    /// after 30 days.
    ///
    /// - Parameter ahead: states that stay whatever their age.
    func dropOldStates(keeping ahead: [Int]) -> Int {
        folder.chunkStore.dropLost(at: vault.now())
        let (numbers, keep) = (folder.numbers, max(options.keep, 1))
        let there = Set(folder.chunkStore.files().map(\.id))
        var whole = 0
        for number in numbers.reversed() where numbers.count > keep {
            if whole < keep {
                if isWhole(number, there) { whole += 1 }
            } else if !ahead.contains(number), !isOfAnother(number) {
                guard rename(folder.state(number).path, "\(folder.staging)/dropped-\(number)") == 0 else { return 0 }
            }
        }
        try? DurableFile.syncFolder(folder.states)
        var needed: Set<ChunkID> = []
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

    /// Whether a state is one of another store, which somebody put beside this one's.
    private func isOfAnother(_ number: Int) -> Bool {
        (try? StoreKeyFile.read(folder.state(number).keyFile)).map { $0.vaultID != vaultID } ?? false
    }

    /// Whether a state's files are what its manifest says and its chunks are there; this run's own was read back just now.
    private func isWhole(_ number: Int, _ there: Set<ChunkID>) -> Bool {
        if number == self.number { return true }
        let state = folder.state(number)
        guard let manifest = try? BackupManifest.read(state, key: vault.key),
            let list = try? BackupContents.list(of: state, manifest), list.allSatisfy(there.contains)
        else { return false }
        return manifest.files.allSatisfy { file in
            // The key file is another one where a key was replaced since.
            file.name == BackupManifest.keyFileName || (try? BackupManifest.File(file.name, in: state)) == file
        }
    }
}
