// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// One sealed piece of a blob: always exactly 1 MiB, so its size says nothing.
package struct SealedChunk: Sendable, Equatable {
    /// Count of bytes of every chunk: nonce 24, ciphertext 1,048,536, tag 16.
    package static let byteCount = 1 << 20
    /// Count of plaintext bytes in every chunk.
    package static let payloadCount = byteCount - 40

    /// BLAKE2b-256 of `bytes`, by which chunks are stored, asked for and checked without a key.
    package let id: Digest256
    /// Exactly `byteCount` bytes.
    package let bytes: [UInt8]

    init(sealed bytes: [UInt8]) {
        id = BLAKE2b.hash(bytes)
        self.bytes = bytes
    }

    /// Takes bytes from a file or the network, checking their length and their id.
    ///
    /// - Throws: `CryptoError` E-SEAL-001.
    package init(bytes: [UInt8], id: Digest256) throws {
        guard bytes.count == Self.byteCount, BLAKE2b.hash(bytes) == id else { throw CryptoError.chunkDamaged(id: id) }
        self.bytes = bytes
        self.id = id
    }
}
