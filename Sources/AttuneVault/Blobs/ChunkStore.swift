// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

/// Sealed chunk files: each is written once, named by the digest of its own bytes, and never changed.
struct ChunkStore: Sendable {
    let folder: StoreFolder

    /// The bytes of a blob, every chunk and the whole checked.
    ///
    /// - Throws: as `read`; `VaultError` E-MEMORY-003 if there is no room for them.
    func load(_ blob: StoredBlob, chunkRead: () -> Void = {}) throws -> [UInt8] {
        try Room.require(blob.size)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(blob.size)
        try read(blob) { bytes += $0 }
        for _ in blob.chunks { chunkRead() }
        return bytes
    }

    /// The bytes of a chunk file, whatever blob it belongs to; nil if it is not here or not what its id says.
    func bytes(_ id: ChunkID) -> [UInt8]? { try? checkedBytes(id) }

    /// The bytes of a chunk file, compared with its id.
    ///
    /// - Throws: `VaultError` E-VAULT-005 if it is missing or was changed, E-VAULT-007 if the disk does not give it.
    func checkedBytes(_ id: ChunkID) throws -> [UInt8] {
        let found = Result { try DurableFile.read(folder.chunk(id), limit: SealedChunk.byteCount) }
        if case .success(let bytes?) = found, SealedChunk.id(of: bytes) == id { return bytes }
        // A reader cannot bring back what was set aside and is named again.
        for aside in lost() where aside.id == id {
            if let bytes = try? Self.chunk(id, at: aside.path) { return bytes }
        }
        let isThere = try found.get() != nil
        throw VaultError.damaged("the chunk file \(id.short) \(isThere ? "was changed" : "is missing")")
    }

    /// The bytes of a file if they are those of the chunk; nil if they are others, or there is none.
    static func chunk(_ id: ChunkID, at path: String) throws -> [UInt8]? {
        guard let bytes = try DurableFile.read(path, limit: SealedChunk.byteCount) else { return nil }
        return SealedChunk.id(of: bytes) == id ? bytes : nil
    }

    /// Puts the bytes of a chunk at its place by way of a file in `staging`; they reach the disk with a sync later.
    func copy(_ id: ChunkID, _ bytes: [UInt8], staging: String) throws {
        let path = folder.chunk(id)
        try DurableFile.makeFolder(String(path.prefix(path.count - 65)))
        let staged = "\(staging)/\(id)"
        unlink(staged)
        try bytes.withUnsafeBytes { try DurableFile.write($0, to: path, staging: staged, syncs: false) }
    }

    /// Copies the chunks that are right to a new store and brings them to the disk; what is wrong with the others.
    ///
    /// - Parameter progress: told how many were read.
    /// - Throws: `VaultError` E-VAULT-006, E-VAULT-007 if they cannot be written there.
    func copy(
        _ ids: [ChunkID], to store: StoreFolder, progress: (Int) -> Void = { _ in }
    ) throws -> [ChunkID: String] {
        let target = ChunkStore(folder: store)
        var damage: [ChunkID: String] = [:]
        for (position, id) in ids.enumerated() {
            switch Result(catching: { try checkedBytes(id) }) {
            case .success(let bytes):
                try target.copy(id, bytes, staging: store.staging)
                try DurableFile.sync(store.chunk(id))
            case .failure(let error): damage[id] = (error as? VaultError)?.defect ?? "\(error)"
            }
            progress(position + 1)
        }
        for name in Self.entries(store.chunks) { try DurableFile.syncFolder("\(store.chunks)/\(name)") }
        try DurableFile.syncFolder(store.chunks)
        return damage
    }

    /// Whether the file of a chunk is here, of a size that chunks have.
    func isHere(_ id: ChunkID) -> Bool { byteCount(id) != nil }

    /// Bytes of the file of a chunk; nil if it is not here or has no size that chunks have.
    func byteCount(_ id: ChunkID) -> Int? {
        var status = stat()
        guard lstat(folder.chunk(id), &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            SealedChunk.isByteCount(Int(status.st_size))
        else { return nil }
        return Int(status.st_size)
    }

    /// Keeps the bytes of a chunk from another device; they reach the disk with `makeDurable`.
    func keep(_ id: ChunkID, _ bytes: [UInt8]) throws {
        guard !isHere(id) else { return }
        try DurableFile.makeFolder(folder.staging)
        try DurableFile.makeFolder(folder.chunks)
        let path = folder.chunk(id)
        try DurableFile.makeFolder(String(path.prefix(path.count - 65)))
        let staging = "\(folder.staging)/\(id)"
        unlink(staging)
        try bytes.withUnsafeBytes { try DurableFile.write($0, to: path, staging: staging, syncs: false) }
    }

    /// Brings chunk files to the disk, comparing those with their ids that are not `known` to be right.
    ///
    /// - Returns: false if one is missing or was torn by a power cut; that one is removed.
    func makeDurable(_ ids: [ChunkID], known: Set<ChunkID>) throws -> Bool {
        var parents: Set<String> = []
        for id in ids {
            let path = folder.chunk(id)
            if !known.contains(id) {
                guard try Self.chunk(id, at: path) != nil else {
                    unlink(path)
                    return false
                }
            }
            try DurableFile.sync(path)
            parents.insert(String(path.prefix(path.count - 65)))
        }
        for parent in parents { try DurableFile.syncFolder(parent) }
        try DurableFile.syncFolder(folder.chunks)
        return true
    }

    /// Removes chunk files that nothing refers to any more; what cannot be removed now is an orphan for later.
    func remove(_ ids: [ChunkID]) {
        for id in ids { unlink(folder.chunk(id)) }
    }

    /// Removes every fragment in the staging folder; only for the holder of the lock.
    func clearStaging() {
        for name in Self.entries(folder.staging) where ChunkID(hex: name) != nil {
            unlink("\(folder.staging)/\(name)")
        }
    }

    /// All chunk files that are there.
    func files() -> [(id: ChunkID, path: String)] {
        Self.entries(folder.chunks).filter { $0.utf8.count == 2 }.flatMap { prefix in
            Self.entries("\(folder.chunks)/\(prefix)").compactMap { name in
                guard let id = ChunkID(hex: name), id.description == name, name.hasPrefix(prefix) else { return nil }
                return (id, "\(folder.chunks)/\(prefix)/\(name)")
            }
        }
    }

    /// An id that nothing has had before.
    static func freshID<Kind: ShortKind>() -> Identifier<Kind> {
        guard let id = Identifier<Kind>(randomID()) else { preconditionFailure("16 bytes were asked for") }
        return id
    }

    static func randomID() -> [UInt8] { SecretBytes(random: 16).withUnsafeBytes { Array($0) } }

    static func entries(_ path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }
}
