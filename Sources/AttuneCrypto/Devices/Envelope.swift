// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Crypto
import Foundation

/// A 32-byte key sealed for one device: HPKE (RFC 9180) base mode with X-Wing, HKDF-SHA256 and AES-256-GCM.
///
/// Layout: encapsulated key 1120 ‖ ciphertext 32 ‖ tag 16. It says nothing of who sealed it, so it belongs inside
/// something signed.
package enum Envelope {
    /// Bytes of an envelope.
    package static let byteCount = 1168
    private static let suite = HPKE.Ciphersuite.XWingMLKEM768X25519_SHA256_AES_GCM_256

    /// The info string of an epoch's envelope: `attune/v1/epoch` ‖ 00 ‖ circle ‖ epoch u32 ‖ device id.
    ///
    /// - Parameters:
    ///   - circle: nil inside the genesis link, whose hash is not yet known; then 32 zero bytes.
    ///   - device: nil for the key of the epoch before, which is sealed for none.
    package static func epochInfo(circle: CircleID?, epoch: UInt32, device: DeviceID?) -> [UInt8] {
        var writer = ByteWriter()
        writer.append("attune/v1/epoch\0")
        writer.append(circle?.bytes ?? [UInt8](repeating: 0, count: 32))
        writer.bigEndian(epoch)
        writer.append(device?.bytes ?? [])
        return writer.bytes
    }

    /// The info string of a copy for another circle's device: `attune/v1/share` ‖ 00 ‖ sender's circle ‖ recipient's
    /// circle ‖ device id.
    package static func shareInfo(from circle: CircleID, to recipient: CircleID, device: DeviceID) -> [UInt8] {
        Array("attune/v1/share\0".utf8) + circle.bytes + recipient.bytes + device.bytes
    }

    /// Seals a key.
    ///
    /// - Parameters:
    ///   - key: 32 bytes.
    ///   - sealingKey: the device's X-Wing public key.
    /// - Throws: `CryptoError` E-KEY-042 if that is not one.
    package static func seal(_ key: borrowing SecretBytes, to sealingKey: [UInt8], info: [UInt8]) throws -> [UInt8] {
        precondition(key.count == 32)
        do {
            let recipient = try XWingMLKEM768X25519.PublicKey(rawRepresentation: sealingKey)
            var sender = try HPKE.Sender(recipientKey: recipient, ciphersuite: suite, info: Data(info))
            let sealed = try key.withUnsafeBytes { try sender.seal($0) }
            return Array(sender.encapsulatedKey) + Array(sealed)
        } catch {
            throw CryptoError.sealingKeyRefused
        }
    }

    /// Opens an envelope.
    ///
    /// - Throws: `CryptoError` E-KEY-041.
    static func open(_ envelope: [UInt8], sealingSeed: borrowing SecretBytes, info: [UInt8]) throws -> SecretBytes {
        guard envelope.count == byteCount else { throw CryptoError.envelopeRefused }
        do {
            let key = try privateKey(sealingSeed)
            var recipient = try HPKE.Recipient(
                privateKey: key, ciphersuite: suite, info: Data(info), encapsulatedKey: Data(envelope[..<1120]))
            var opened = try recipient.open(Data(envelope[1120...]))
            return SecretBytes(consuming: &opened)
        } catch {
            throw CryptoError.envelopeRefused
        }
    }

    static func publicKey(of seed: borrowing SecretBytes) throws -> [UInt8] {
        do {
            return Array(try privateKey(seed).publicKey.rawRepresentation)
        } catch {
            throw CryptoError.sealingKeyRefused
        }
    }

    private static func privateKey(_ seed: borrowing SecretBytes) throws -> XWingMLKEM768X25519.PrivateKey {
        try seed.withUnsafeBytes { try XWingMLKEM768X25519.PrivateKey(seedRepresentation: $0, publicKey: nil) }
    }
}
