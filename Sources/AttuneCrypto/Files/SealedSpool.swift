// Attune
// SPDX-License-Identifier: Apache-2.0

import CSodium
import Foundation

/// Records kept on disk for the length of a run, sealed under a key that lives in memory alone.
///
/// The file loses its name at once, so it is gone when the process ends in whatever way, and what the disk still holds
/// then nobody can read. Each record is XChaCha20-Poly1305 with its index as nonce, which no other record under this
/// key has. One spool serves one thread at a time.
package final class SealedSpool {
    private let key: SecretBytes
    private let descriptor: Int32
    private let limit: Int
    private var buffer: [UInt8] = []
    private var nonce = [UInt8](repeating: 0, count: 24)
    /// Where each record starts, and where the next one will.
    private var ends = [0]
    /// Whether a record was written by halves: its nonce is used up, and no other record may have it.
    private var isTorn = false

    private static let tagCount = Int(crypto_aead_xchacha20poly1305_ietf_ABYTES)

    /// - Parameters:
    ///   - folder: where the file is made; it needs to be on a disk, not in memory.
    ///   - limit: most bytes of the file.
    /// - Throws: `CryptoError` E-SEAL-020.
    package init(folder: String, limit: Int) throws {
        key = SecretBytes(random: 32)
        self.limit = limit
        let path = folder + "/spool-" + Sodium.random(8).map { String($0, radix: 16) }.joined()
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw CryptoError.spool(String(cString: strerror(errno))) }
        unlink(path)
    }

    deinit { close(descriptor) }

    /// Bytes of the file.
    package var size: Int { ends[ends.count - 1] }

    /// Bytes that a record of `count` bytes takes.
    package static func size(ofRecord count: Int) -> Int { count + tagCount }

    /// Keeps a record and returns its index.
    ///
    /// - Throws: `CryptoError` E-SEAL-020 if the disk is full, or the spool would exceed its limit. After a record that
    ///   could not be written as a whole, nothing can be kept any more; what was kept before reads as it did.
    package func append(_ bytes: UnsafeRawBufferPointer) throws -> Int {
        guard !isTorn else { throw CryptoError.spool("an earlier record could not be written") }
        let start = size
        let count = Self.size(ofRecord: bytes.count)
        guard count <= limit - start else { throw CryptoError.spool("it may have \(limit) bytes") }
        if buffer.count < count { buffer = [UInt8](repeating: 0, count: count) }
        let index = ends.count - 1
        setNonce(index)
        key.withPointer { key in
            _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
                &buffer, nil, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count), nil, 0, nil,
                nonce, key)
        }
        isTorn = true
        try buffer.withUnsafeBytes { try Self.write($0.prefix(count), to: descriptor, at: start) }
        isTorn = false
        ends.append(start + count)
        return index
    }

    /// Reads a record into memory of exactly its size.
    ///
    /// - Throws: `CryptoError` E-SEAL-020 if the disk fails, or gives other bytes than were written.
    package func read(_ index: Int, into bytes: UnsafeMutableRawBufferPointer) throws {
        let count = Self.size(ofRecord: bytes.count)
        precondition(index >= 0 && index < ends.count - 1 && ends[index + 1] - ends[index] == count, "record \(index)")
        if buffer.count < count { buffer = [UInt8](repeating: 0, count: count) }
        try buffer.withUnsafeMutableBytes { buffer in
            var done = 0
            while done < count {
                let got = pread(descriptor, buffer.baseAddress! + done, count - done, off_t(ends[index] + done))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { throw CryptoError.spool("it cannot be read") }
                done += got
            }
        }
        setNonce(index)
        let status = key.withPointer { key in
            crypto_aead_xchacha20poly1305_ietf_decrypt(
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, nil, buffer, UInt64(count), nil, 0,
                nonce, key)
        }
        guard status == 0 else { throw CryptoError.spool("record \(index) was changed") }
    }

    /// The index, big-endian, in the last 8 bytes.
    private func setNonce(_ index: Int) {
        for byte in 0..<8 { nonce[23 - byte] = UInt8(truncatingIfNeeded: index >> (8 * byte)) }
    }

    private static func write(_ bytes: Slice<UnsafeRawBufferPointer>, to descriptor: Int32, at start: Int) throws {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[(bytes.startIndex + done)...])
            let wrote = pwrite(descriptor, rest.baseAddress, rest.count, off_t(start + done))
            if wrote < 0, errno == EINTR { continue }
            guard wrote > 0 else { throw CryptoError.spool(String(cString: strerror(errno))) }
            done += wrote
        }
    }
}
