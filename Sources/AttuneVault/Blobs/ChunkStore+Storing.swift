// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto

extension ChunkStore {
    /// Encodes and seals a content under a fresh key and makes the chunk files durable, one chunk in memory at a time.
    ///
    /// What is stored is what is sent, so bytes that are sent to other devices are encoded here, once.
    ///
    /// Nothing refers to the files yet: a crash from here on leaves orphans, which `setAside` takes away.
    ///
    /// - Throws: `VaultError` E-VAULT-006 (disk full) or E-VAULT-007; no file is left behind.
    func store(_ content: BlobContent) throws -> StoredBlob {
        let key = SecretBytes(random: 32)
        let id: BlobID = Self.freshID()
        let blob = try EncodedBlob(content)
        let sealer = try ChunkSealer(blobKey: key, blobID: id, length: blob.encodedSize)
        var written: [ChunkID] = []
        do {
            try DurableFile.makeFolder(folder.staging)
            if try DurableFile.makeFolder(folder.chunks) { try DurableFile.syncFolder(folder.path) }
            var touched: Set<String> = []
            var madeFolder = false
            var payload: [UInt8] = []
            func seal() throws {
                let sealed = payload.withUnsafeBytes { sealer.seal($0, index: written.count) }
                payload.removeAll(keepingCapacity: true)
                let path = folder.chunk(sealed.id)
                let parent = String(path.prefix(path.count - 65))
                if try DurableFile.makeFolder(parent) { madeFolder = true }
                written.append(sealed.id)
                try sealed.bytes.withUnsafeBytes {
                    try DurableFile.write($0, to: path, staging: "\(folder.staging)/\(sealed.id)")
                }
                touched.insert(parent)
            }
            var count = 0
            try blob.write { piece in
                count += piece.count
                guard count <= blob.encodedSize else { throw VaultError.failed("bytes changed while they were stored") }
                var rest = piece[...]
                while !rest.isEmpty {
                    let room = sealer.range(of: written.count).count - payload.count
                    payload += rest.prefix(room)
                    rest = rest.dropFirst(room)
                    if rest.count > 0 || payload.count == SealedChunk.payloadCount { try seal() }
                }
            }
            guard count == blob.encodedSize else { throw VaultError.failed("bytes changed while they were stored") }
            // The last one, and those of padding alone.
            while written.count < sealer.chunkCount { try seal() }
            for parent in touched { try DurableFile.syncFolder(parent) }
            if madeFolder { try DurableFile.syncFolder(folder.chunks) }
        } catch {
            remove(written)
            throw error
        }
        return StoredBlob(
            id: id, key: key.withUnsafeBytes { Array($0) }, size: blob.size, encodedSize: blob.encodedSize,
            codec: blob.codec, digest: blob.digest, chunks: written)
    }
}
