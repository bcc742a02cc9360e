// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// One sealed file for handing an adapter to somebody outside the circle.
///
/// Layout: `ATFILE01`, header length u32 (at most 64 KiB), header, its MAC 32, then a `crypto_secretstream` of
/// XChaCha20-Poly1305: 24 bytes of stream header and messages of 64 KiB plaintext, each 17 bytes longer when sealed.
/// The last message carries TAG_FINAL and ends the file; only it may be shorter. The stream's key is subkey 1
/// `ATfilstr` of the file key.
package enum AttuneFile {
    static let messageCount = 1 << 16
    static let overhead = 17

    /// Seals `payload` for whoever knows the passphrase; the result hides all but the length.
    ///
    /// - Throws: `CryptoError` E-KEY-006 if there is not enough memory for `cost`.
    package static func seal(
        _ payload: UnsafeRawBufferPointer, passphrase: borrowing SecretBytes, cost: PassphraseCost = .moderate
    ) throws -> [UInt8] {
        let fileKey = SecretBytes(random: 32)
        return seal(
            payload, under: fileKey, header: try AttuneFileHeader(fileKey: fileKey, passphrase: passphrase, cost: cost))
    }

    /// Seals `payload` for devices; the result hides all but the length and the ids of the devices.
    ///
    /// - Throws: `CryptoError` E-KEY-042 if a device's key is none, E-SEAL-015 for none or more than 32 devices.
    package static func seal(_ payload: UnsafeRawBufferPointer, devices: [DevicePublicKeys]) throws -> [UInt8] {
        let fileKey = SecretBytes(random: 32)
        return seal(payload, under: fileKey, header: try AttuneFileHeader(fileKey: fileKey, devices: devices))
    }

    /// Who opens a file: whether a passphrase does, and the ids of devices.
    ///
    /// - Throws: `CryptoError` E-SEAL-010, E-KEY-005.
    package static func recipients(
        _ bytes: UnsafeRawBufferPointer
    ) throws -> (takesPassphrase: Bool, devices: [DeviceID]) {
        var reader = ByteReader(bytes)
        let header = try AttuneFileHeader(parsing: &reader, of: bytes)
        return (!header.slots.isEmpty, header.envelopes.map(\.device))
    }

    private static func seal(
        _ payload: UnsafeRawBufferPointer, under fileKey: borrowing SecretBytes, header: AttuneFileHeader
    ) -> [UInt8] {
        let streamKey = KeyDerivation.subkey(of: fileKey, id: 1, context: "ATfilstr")
        var out = header.authenticatedBytes + header.mac(under: fileKey)
        let messages = max(1, (payload.count + messageCount - 1) / messageCount)
        out.reserveCapacity(out.count + 24 + payload.count + messages * overhead)

        var state = crypto_secretstream_xchacha20poly1305_state()
        defer { sodium_memzero(&state, MemoryLayout.size(ofValue: state)) }
        var streamHeader = [UInt8](repeating: 0, count: 24)
        streamKey.withPointer { key in
            _ = crypto_secretstream_xchacha20poly1305_init_push(&state, &streamHeader, key)
        }
        out += streamHeader
        var sealed = [UInt8](repeating: 0, count: messageCount + overhead)
        for index in 0..<messages {
            let piece = payload[(index * messageCount)..<min((index + 1) * messageCount, payload.count)]
            let message = UnsafeRawBufferPointer(rebasing: piece).bindMemory(to: UInt8.self)
            let tag = index == messages - 1 ? finalTag : 0
            _ = crypto_secretstream_xchacha20poly1305_push(
                &state, &sealed, nil, message.baseAddress, UInt64(message.count), nil, 0, tag)
            out += sealed[..<(message.count + overhead)]
        }
        return out
    }

    /// Opens a sealed file, all of it or nothing.
    ///
    /// - Throws: `CryptoError` E-SEAL-010 (not this format, cut, or bytes after the end), E-SEAL-011 (wrong
    ///   passphrase), E-SEAL-012 (no passphrase opens it), E-SEAL-013 (changed), E-KEY-005 (hostile cost), E-KEY-006
    ///   (not enough memory).
    package static func open(_ bytes: UnsafeRawBufferPointer, passphrase: borrowing SecretBytes) throws -> [UInt8] {
        var reader = ByteReader(bytes)
        let (header, mac) = try start(&reader, of: bytes)
        return try open(&reader, under: try header.fileKey(passphrase: passphrase, mac: mac))
    }

    /// Opens a file that was sealed for this device, all of it or nothing.
    ///
    /// - Throws: as `open(_:passphrase:)`, with E-SEAL-014 for a file that is for others.
    package static func open(_ bytes: UnsafeRawBufferPointer, device: DeviceKeys) throws -> [UInt8] {
        var reader = ByteReader(bytes)
        let (header, mac) = try start(&reader, of: bytes)
        return try open(&reader, under: try header.fileKey(device: device, mac: mac))
    }

    private static func start(
        _ reader: inout ByteReader, of bytes: UnsafeRawBufferPointer
    ) throws -> (AttuneFileHeader, mac: [UInt8]) {
        let header = try AttuneFileHeader(parsing: &reader, of: bytes)
        guard reader.remaining >= 32 + 24 + overhead else { throw CryptoError.malformedAttuneFile("it ends too early") }
        return (header, try reader.array(32))
    }

    private static func open(_ reader: inout ByteReader, under fileKey: borrowing SecretBytes) throws -> [UInt8] {
        let streamKey = KeyDerivation.subkey(of: fileKey, id: 1, context: "ATfilstr")
        let streamHeader = try reader.array(24)
        var state = crypto_secretstream_xchacha20poly1305_state()
        defer { sodium_memzero(&state, MemoryLayout.size(ofValue: state)) }
        let started = streamKey.withPointer { key in
            crypto_secretstream_xchacha20poly1305_init_pull(&state, streamHeader, key)
        }
        guard started == 0 else { throw CryptoError.attuneFileDamaged }

        var payload: [UInt8] = []
        payload.reserveCapacity(reader.remaining)
        var message = [UInt8](repeating: 0, count: messageCount)
        defer { sodium_memzero(&message, message.count) }
        while true {
            let count = min(reader.remaining, messageCount + overhead)
            guard count >= overhead else { throw CryptoError.malformedAttuneFile("it ends too early") }
            let sealed = try reader.run(UInt64(count)).bindMemory(to: UInt8.self)
            var tag: UInt8 = 0
            guard
                crypto_secretstream_xchacha20poly1305_pull(
                    &state, &message, nil, &tag, sealed.baseAddress, UInt64(count), nil, 0) == 0
            else { throw CryptoError.attuneFileDamaged }
            payload += message[..<(count - overhead)]
            if tag == finalTag { break }
            // Only the last message may be shorter, and only it ends the file.
            guard tag == 0, count == messageCount + overhead else { throw CryptoError.attuneFileDamaged }
        }
        guard reader.remaining == 0 else { throw CryptoError.malformedAttuneFile("bytes after the end") }
        return payload
    }

    private static let finalTag = UInt8(
        crypto_secretstream_xchacha20poly1305_TAG_PUSH | crypto_secretstream_xchacha20poly1305_TAG_REKEY)
}
