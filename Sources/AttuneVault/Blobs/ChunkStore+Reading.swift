// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto

extension ChunkStore {
    /// Hands over the bytes of a blob in order, every chunk and the whole checked, a chunk or a run of numbers in memory
    /// at a time.
    ///
    /// What was handed over counts only once this returns.
    ///
    /// - Parameter largestRun: most bytes of a run of numbers, which has to be in memory as a whole.
    /// - Throws: `VaultError` E-VAULT-005 if a chunk is missing or was changed on this disk, E-VAULT-041 if chunks are
    ///   still to be fetched, E-VAULT-042 (refused), E-MEMORY-003 (no memory for a run); for a blob that was made here
    ///   E-VAULT-005 too if its bytes are others, else E-VAULT-040 or E-VAULT-053: that is its author's doing.
    func read(
        _ blob: StoredBlob, largestRun: Int = .max, _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        if blob.state == .remote { throw VaultError.notHere }
        if blob.state == .refused { throw VaultError.refusedContent }
        var reader = try BlobReader(blob, in: self)
        var hash = BLAKE2b.Incremental()
        switch blob.codec {
        case .planes:
            try TensorCodec.decode(&reader, size: blob.size, largestRun: largestRun) {
                hash.update($0)
                try sink($0)
            }
        case .stored:
            while reader.remaining > 0 {
                try reader.next(min(reader.remaining, SealedChunk.payloadCount)).withUnsafeBytes {
                    hash.update($0)
                    try sink($0)
                }
            }
        }
        try reader.finish()
        guard hash.finish() == blob.digest else { throw blob.others("its bytes are others than were announced") }
    }

    /// Removes those files of a blob that are not the chunks they should be, so that they are fetched again; whether
    /// there are any.
    func removeChanged(_ blob: StoredBlob) -> Bool {
        let changed = blob.chunks.filter { bytes($0) == nil }
        remove(changed)
        return !changed.isEmpty
    }
}

/// The bytes of a blob as they were encoded, opened chunk by chunk.
private struct BlobReader: EncodedBytes {
    private let blob: StoredBlob
    private let store: ChunkStore
    private let sealer: BlobSealer
    private var index = 0
    private var piece: [UInt8] = []
    private var offset = 0
    private(set) var remaining: Int

    /// The sealer of a blob, which nobody may copy.
    private final class BlobSealer {
        let value: ChunkSealer
        init(_ value: consuming ChunkSealer) { self.value = value }
    }

    init(_ blob: StoredBlob, in store: ChunkStore) throws {
        let key = SecretBytes(copying: blob.key)
        guard key.count == 32, blob.size >= 0,
            ChunkSealer.chunkCount(length: blob.encodedSize) == blob.chunks.count
        else { throw blob.others("it has another length than its chunks") }
        self.blob = blob
        self.store = store
        sealer = BlobSealer(try ChunkSealer(blobKey: key, blobID: blob.sealedID, length: blob.encodedSize))
        remaining = blob.encodedSize
    }

    mutating func next(_ count: Int) throws -> [UInt8] {
        guard count <= remaining else {
            throw ByteReader.Failure.truncated(
                offset: blob.encodedSize - remaining, needed: UInt64(count), available: remaining)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            if offset == piece.count { try open() }
            let part = piece[offset...].prefix(count - bytes.count)
            bytes += part
            offset += part.count
        }
        remaining -= count
        return bytes
    }

    /// Opens the next chunk; those of padding alone are opened too.
    private mutating func open() throws {
        let id = blob.chunks[index]
        let sealed = try store.checkedBytes(id)
        do {
            piece = try sealed.withUnsafeBytes { try sealer.value.open($0, index: index) }
        } catch {
            throw blob.others("the chunk \(id.short) does not belong here", cause: error)
        }
        offset = 0
        index += 1
    }

    /// Opens what holds nothing but padding.
    mutating func finish() throws { while index < blob.chunks.count { try open() } }
}

extension StoredBlob {
    /// What it means that a blob, whose chunks are the right ones, holds something else than it should: damage where it
    /// was made or looked at here, and its author's doing where it came from another device.
    fileprivate func others(_ what: String, cause: (any Error)? = nil) -> VaultError {
        state == .arrived ? .badVersion(what) : .damaged(what, cause: cause)
    }
}
