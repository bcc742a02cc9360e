// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// One sealed piece of a blob: 1 MiB, and the last one of a blob a smaller multiple of 4 KiB.
package struct SealedChunk: Sendable, Equatable {
    /// Count of bytes of every chunk of a blob but the last: nonce 24, ciphertext 1,048,536, tag 16.
    package static let byteCount = 1 << 20
    /// Count of plaintext bytes in each of those.
    package static let payloadCount = byteCount - overhead
    /// Bytes of nonce and tag.
    static let overhead = 40
    /// The count of bytes of every chunk is a multiple of this.
    static let step = 4096

    /// Whether a chunk can have this count of bytes.
    package static func isByteCount(_ count: Int) -> Bool { (step...byteCount).contains(count) && count % step == 0 }

    /// Count of bytes of the last chunk of a blob whose padded rest, 0 to `payloadCount` bytes, it holds.
    static func byteCount(payload: Int) -> Int { (payload + overhead + step - 1) / step * step }

    /// BLAKE2b-256 of `bytes`, by which chunks are stored, asked for and checked without a key.
    package let id: ChunkID
    /// A count of bytes for which `isByteCount` holds.
    package let bytes: [UInt8]

    /// The id of a chunk with these bytes.
    package static func id(of bytes: [UInt8]) -> ChunkID { ChunkID(BLAKE2b.hash(bytes)) }

    init(sealed bytes: [UInt8]) {
        id = Self.id(of: bytes)
        self.bytes = bytes
    }

    /// Takes bytes from a file or the network, checking their length and their id.
    ///
    /// - Throws: `CryptoError` E-SEAL-001.
    package init(bytes: [UInt8], id: ChunkID) throws {
        guard Self.isByteCount(bytes.count), Self.id(of: bytes) == id else { throw CryptoError.chunkDamaged(id: id) }
        self.bytes = bytes
        self.id = id
    }
}
