// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// Seals and opens the chunks of one blob of known length, one chunk at a time and in any order.
///
/// The plaintext is padded with zeros to its Padmé length and cut into pieces of 1,048,536 bytes, of which the last is
/// padded until its chunk is a multiple of 4 KiB. Before, it was padded to 1 MiB as well: what was sealed so opens, as
/// the length of the blob gives both sizes that its last chunk may have. Chunk i of n is XChaCha20-Poly1305
/// under the blob key with associated data `ATCK` ‖ 01 ‖ blob id 16 ‖ i u32 ‖ n u32, so order, count and blob are
/// fixed. The nonce is BLAKE2b-192 of (i u32 ‖ BLAKE2b-256 of the padded chunk), keyed by subkey 2 `ATchunkn` of the
/// blob key: a second try after a crash gives the same bytes. The exact length is recorded by whoever keeps the ids.
package struct ChunkSealer: ~Copyable {
    private let blobKey: SecretBytes
    private let nonceKey: SecretBytes
    private let blobID: BlobID
    /// Count of plaintext bytes of the blob.
    package let length: Int
    /// Count of chunks, at least 1.
    package let chunkCount: Int
    /// Bytes of the last chunk as it is sealed.
    private let lastByteCount: Int

    /// - Parameters:
    ///   - blobKey: 32 random bytes that seal this one blob and no other.
    ///   - blobID: 16 random bytes.
    ///   - length: count of plaintext bytes.
    /// - Throws: `CryptoError` E-SEAL-002 if no blob can have this length.
    package init(blobKey: borrowing SecretBytes, blobID: BlobID, length: Int) throws {
        precondition(blobKey.count == 32)
        guard let padded = Padme.padded(length), let count = Self.chunkCount(length: length) else {
            throw CryptoError.blobLength
        }
        self.blobKey = blobKey.copy()
        nonceKey = KeyDerivation.subkey(of: blobKey, id: 2, context: "ATchunkn")
        self.blobID = blobID
        self.length = length
        chunkCount = count
        lastByteCount = SealedChunk.byteCount(payload: padded - (count - 1) * SealedChunk.payloadCount)
    }

    /// The count of chunks of a blob; nil for a length that is negative or beyond 2³² − 1 chunks.
    package static func chunkCount(length: Int) -> Int? {
        guard length >= 0, let padded = Padme.padded(length) else { return nil }
        let count = max(1, padded / SealedChunk.payloadCount + (padded % SealedChunk.payloadCount == 0 ? 0 : 1))
        return UInt32(exactly: count) == nil ? nil : count
    }

    /// Count of bytes of chunk `index` as it is sealed.
    package func byteCount(of index: Int) -> Int {
        index == chunkCount - 1 ? lastByteCount : SealedChunk.byteCount
    }

    /// Which bytes of the blob chunk `index` holds; empty if there is only padding.
    package func range(of index: Int) -> Range<Int> {
        let start = min(index * SealedChunk.payloadCount, length)
        return start..<min(start + SealedChunk.payloadCount, length)
    }

    /// Seals chunk `index`, whose plaintext is exactly the bytes of `range(of: index)`.
    package func seal(_ plaintext: UnsafeRawBufferPointer, index: Int) -> SealedChunk {
        precondition((0..<chunkCount).contains(index) && plaintext.count == range(of: index).count)
        let count = byteCount(of: index)
        let padded = UnsafeMutableRawBufferPointer.allocate(
            byteCount: count - SealedChunk.overhead, alignment: 64)
        defer {
            if let base = padded.baseAddress { sodium_memzero(base, padded.count) }
            padded.deallocate()
        }
        padded.copyMemory(from: plaintext)
        UnsafeMutableRawBufferPointer(rebasing: padded[plaintext.count...]).initializeMemory(
            as: UInt8.self, repeating: 0)
        let nonce = nonce(for: UnsafeRawBufferPointer(padded), index: index)
        let aad = associatedData(index: index)
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.replaceSubrange(0..<24, with: nonce)
        bytes.withUnsafeMutableBytes { out in
            blobKey.withPointer { key in
                _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
                    (out.baseAddress! + 24).assumingMemoryBound(to: UInt8.self), nil,
                    padded.baseAddress!.assumingMemoryBound(to: UInt8.self), UInt64(padded.count), aad,
                    UInt64(aad.count), nil, nonce, key)
            }
        }
        return SealedChunk(sealed: bytes)
    }

    /// Opens chunk `index` and returns its bytes without padding.
    ///
    /// - Throws: `CryptoError` E-SEAL-003 if the chunk was not sealed for this place, or its padding is not zero.
    package func open(_ chunk: UnsafeRawBufferPointer, index: Int) throws -> [UInt8] {
        let isLast = index == chunkCount - 1
        guard (0..<chunkCount).contains(index),
            chunk.count == SealedChunk.byteCount || isLast && chunk.count == lastByteCount
        else {
            throw CryptoError.chunkRefused(index: index)
        }
        let aad = associatedData(index: index)
        let sealed = chunk.bindMemory(to: UInt8.self)
        var status: Int32 = -1
        let payload = chunk.count - SealedChunk.overhead
        var plaintext = [UInt8](unsafeUninitializedCapacity: payload) { buffer, initialized in
            status = blobKey.withPointer { key in
                crypto_aead_xchacha20poly1305_ietf_decrypt(
                    buffer.baseAddress!, nil, nil, sealed.baseAddress! + 24, UInt64(sealed.count - 24), aad,
                    UInt64(aad.count), sealed.baseAddress!, key)
            }
            initialized = status == 0 ? payload : 0
        }
        let used = range(of: index).count
        guard status == 0, plaintext[used...].allSatisfy({ $0 == 0 }) else {
            throw CryptoError.chunkRefused(index: index)
        }
        plaintext.removeSubrange(used...)
        return plaintext
    }

    private func nonce(for padded: UnsafeRawBufferPointer, index: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.bigEndian(UInt32(index))
        writer.append(BLAKE2b.hash(padded).bytes)
        return nonceKey.withUnsafeBytes { key in
            writer.bytes.withUnsafeBytes { BLAKE2b.raw(count: 24, $0, key: key, personal: nil) }
        }
    }

    private func associatedData(index: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.append("ATCK")
        writer.bigEndian(UInt8(1))
        writer.append(blobID.bytes)
        writer.bigEndian(UInt32(index))
        writer.bigEndian(UInt32(chunkCount))
        return writer.bytes
    }
}
