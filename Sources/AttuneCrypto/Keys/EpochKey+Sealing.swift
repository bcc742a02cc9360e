// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension EpochKey {
    /// Bytes of a sealed device name.
    package static let sealedNameBytes = 64 + AEAD.overhead

    /// Seals the payload of an entry: nonce 24 ‖ ciphertext ‖ tag 16 of (length u32 ‖ payload ‖ zeros).
    ///
    /// The zeros go up to the Padmé length of both, at least 256 bytes.
    ///
    /// - Parameter header: the entry's serialised header, which the payload is bound to.
    package func seal(payload: [UInt8], header: [UInt8]) -> [UInt8] {
        seal(payload: payload, header: header, nonce: nil)
    }

    /// As `seal(payload:header:)` with a nonce that vectors fix.
    func seal(payload: [UInt8], header: [UInt8], nonce: [UInt8]?) -> [UInt8] {
        var writer = ByteWriter()
        writer.bigEndian(UInt32(payload.count))
        writer.append(payload)
        guard let padded = Padme.padded(max(256, writer.bytes.count)) else { preconditionFailure("payload too large") }
        writer.zeros(padded - writer.bytes.count)
        return writer.bytes.withUnsafeBytes {
            AEAD.seal($0, key: subkey("ATentry_"), associatedData: Self.entryContext + header, nonce: nonce)
        }
    }

    /// Opens the payload of an entry.
    ///
    /// - Throws: `CryptoError` E-KEY-043 if it was changed, moved to another header, or is not padded as it should be.
    package func open(payload sealed: [UInt8], header: [UInt8]) throws -> [UInt8] {
        guard
            let padded = AEAD.openArray(
                sealed, key: subkey("ATentry_"), associatedData: Self.entryContext + header),
            padded.count >= 256, Padme.padded(padded.count) == padded.count
        else { throw CryptoError.epochRefused("an entry", epoch: epoch) }
        let length = padded[..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard let count = Int(exactly: length), count <= padded.count - 4,
            padded[(4 + count)...].allSatisfy({ $0 == 0 }), Padme.padded(max(256, count + 4)) == padded.count
        else { throw CryptoError.epochRefused("the padding of an entry", epoch: epoch) }
        return Array(padded[4..<4 + count])
    }

    /// Seals a device's name, padded with zeros to 64 bytes: nonce 24 ‖ 64 bytes sealed ‖ tag 16.
    ///
    /// - Parameter device: who has the name.
    /// - Throws: `CryptoError` E-KEY-044 if it is empty, too long or has control characters.
    package func seal(name: String, device: DeviceID) throws -> [UInt8] {
        try seal(name: name, device: device, nonce: nil)
    }

    /// As `seal(name:device:)` with a nonce that vectors fix.
    func seal(name: String, device: DeviceID, nonce: [UInt8]?) throws -> [UInt8] {
        guard Self.isName(name) else { throw CryptoError.deviceName }
        let padded = Array(name.utf8) + [UInt8](repeating: 0, count: 64 - name.utf8.count)
        return padded.withUnsafeBytes {
            AEAD.seal($0, key: subkey("ATdvname"), associatedData: Self.nameContext + device.bytes, nonce: nonce)
        }
    }

    /// Opens a device's name.
    ///
    /// - Throws: `CryptoError` E-KEY-043 if it was changed, belongs to another device or cannot be shown.
    package func open(name sealed: [UInt8], device: DeviceID) throws -> String {
        guard sealed.count == Self.sealedNameBytes,
            let padded = AEAD.openArray(
                sealed, key: subkey("ATdvname"), associatedData: Self.nameContext + device.bytes)
        else { throw CryptoError.epochRefused("a device's name", epoch: epoch) }
        let bytes = padded.prefix { $0 != 0 }
        guard padded[bytes.endIndex...].allSatisfy({ $0 == 0 }),
            let name = String(validating: bytes, as: UTF8.self), Self.isName(name)
        else { throw CryptoError.epochRefused("a device's name", epoch: epoch) }
        return name
    }

    /// Whether a text can be a device's name: 1 to 64 bytes of UTF-8 without anything that a terminal would not show, or
    /// would show as something else.
    package static func isName(_ name: String) -> Bool {
        ShownText.isName(name, limit: 64)
    }

    private static let entryContext = Array("attune/v1/entry\0".utf8)
    private static let nameContext = Array("attune/v1/dname\0".utf8)
}
