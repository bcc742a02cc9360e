// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension ChunkSealer {
    /// Seals a blob that is in memory as a whole.
    ///
    /// - Throws: `CryptoError` E-SEAL-002 if the blob is too long.
    package static func seal(
        _ plaintext: UnsafeRawBufferPointer, blobKey: borrowing SecretBytes, blobID: BlobID
    ) throws -> [SealedChunk] {
        let sealer = try ChunkSealer(blobKey: blobKey, blobID: blobID, length: plaintext.count)
        var chunks: [SealedChunk] = []
        for index in 0..<sealer.chunkCount {
            chunks.append(
                sealer.seal(UnsafeRawBufferPointer(rebasing: plaintext[sealer.range(of: index)]), index: index))
        }
        return chunks
    }

    /// Opens all chunks of a blob and returns its exact bytes.
    ///
    /// - Parameter length: count of plaintext bytes as recorded beside the ids; checked against the count of chunks
    ///   before anything is allocated.
    /// - Throws: `CryptoError` E-SEAL-002 (length and count of chunks disagree), E-SEAL-003 (a chunk was changed, is at
    ///   another place or belongs to another blob).
    package static func open(
        _ chunks: [SealedChunk], length: Int, blobKey: borrowing SecretBytes, blobID: BlobID
    ) throws -> [UInt8] {
        let sealer = try ChunkSealer(blobKey: blobKey, blobID: blobID, length: length)
        guard sealer.chunkCount == chunks.count else { throw CryptoError.blobLength }
        var plaintext: [UInt8] = []
        plaintext.reserveCapacity(length)
        for (index, chunk) in chunks.enumerated() {
            plaintext += try chunk.bytes.withUnsafeBytes { try sealer.open($0, index: index) }
        }
        return plaintext
    }
}
