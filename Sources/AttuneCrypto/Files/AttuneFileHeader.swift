// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// The open part of an `.attune` file: who can open it.
///
/// Layout: version u32 = 1, file id 16, stanza count u32 (1 to 32), then per stanza its length u16 and its bytes, whose
/// first is the kind. A passphrase stanza (kind 1) is a `KeySlot` of 160 bytes. A device stanza (kind 2) is the device's
/// id 16 and an `Envelope` of the file key. Other kinds are carried and skipped.
struct AttuneFileHeader: Sendable {
    static let magic = "ATFILE01"
    static let version: UInt32 = 1
    static let byteLimit = 1 << 16
    static let stanzaLimit = 32
    // Each costs whoever opens the file a whole key derivation.
    static let passphraseLimit = 4

    static let deviceKind: UInt8 = 2
    static let deviceStanzaCount = 1 + 16 + Envelope.byteCount

    let fileID: [UInt8]
    let slots: [KeySlot]
    /// Envelopes of the file key by the id of the device that opens them.
    let envelopes: [(device: DeviceID, envelope: [UInt8])]
    /// Everything from the magic to the last stanza, as read or written.
    let authenticatedBytes: [UInt8]

    /// The header of a new file with one passphrase.
    init(fileKey: borrowing SecretBytes, passphrase: borrowing SecretBytes, cost: PassphraseCost) throws {
        fileID = Sodium.random(16)
        let slot = try KeySlot(
            wrapping: fileKey, passphrase: passphrase, cost: cost, context: Self.context(fileID: fileID))
        slots = [slot]
        envelopes = []
        authenticatedBytes = Self.encoded(fileID: fileID, stanzas: [slot.encoded])
    }

    /// The header of a new file for devices, 1 to 32 of them.
    ///
    /// - Throws: `CryptoError` E-KEY-042 if a device's key is none, E-SEAL-015 for another count.
    init(fileKey: borrowing SecretBytes, devices: [DevicePublicKeys]) throws {
        guard (1...Self.stanzaLimit).contains(devices.count) else { throw CryptoError.tooManyRecipients }
        fileID = Sodium.random(16)
        slots = []
        var sealed: [(device: DeviceID, envelope: [UInt8])] = []
        for device in devices {
            let info = Self.deviceInfo(fileID: fileID, device: device.id)
            sealed.append((device.id, try Envelope.seal(fileKey, to: device.sealingKey, info: info)))
        }
        envelopes = sealed
        authenticatedBytes = Self.encoded(
            fileID: fileID, stanzas: sealed.map { [Self.deviceKind] + $0.device.bytes + $0.envelope })
    }

    private static func encoded(fileID: [UInt8], stanzas: [[UInt8]]) -> [UInt8] {
        var header = ByteWriter()
        header.bigEndian(version)
        header.append(fileID)
        header.bigEndian(UInt32(stanzas.count))
        for stanza in stanzas {
            header.bigEndian(UInt16(stanza.count))
            header.append(stanza)
        }
        var writer = ByteWriter()
        writer.append(magic)
        writer.bigEndian(UInt32(header.bytes.count))
        writer.append(header.bytes)
        return writer.bytes
    }

    /// Reads the start of a file, leaving `reader` at the header's MAC; nothing large is allocated and no key is
    /// derived.
    init(parsing reader: inout ByteReader, of bytes: UnsafeRawBufferPointer) throws {
        do {
            guard try reader.array(8) == Array(Self.magic.utf8) else {
                throw CryptoError.malformedAttuneFile("other first bytes")
            }
            let length = try reader.bigEndian(UInt32.self)
            guard length <= UInt32(Self.byteLimit) else { throw CryptoError.malformedAttuneFile("too long a header") }
            var header = ByteReader(try reader.run(UInt64(length)))
            guard try header.bigEndian(UInt32.self) == Self.version else {
                throw CryptoError.malformedAttuneFile("another version")
            }
            fileID = try header.array(16)
            let count = try header.bigEndian(UInt32.self)
            guard (1...UInt32(Self.stanzaLimit)).contains(count) else {
                throw CryptoError.malformedAttuneFile("\(count) stanzas")
            }
            var slots: [KeySlot] = []
            var envelopes: [(device: DeviceID, envelope: [UInt8])] = []
            for _ in 0..<count {
                let stanza = try header.run(UInt64(try header.bigEndian(UInt16.self)))
                guard let kind = stanza.first else { throw CryptoError.malformedAttuneFile("an empty stanza") }
                if kind == Self.deviceKind {
                    guard stanza.count == Self.deviceStanzaCount, let device = DeviceID(stanza[1..<17]) else {
                        throw CryptoError.malformedAttuneFile("its device stanzas")
                    }
                    envelopes.append((device, Array(stanza[17...])))
                }
                guard kind == KeySlot.Kind.passphrase.rawValue else { continue }
                guard stanza.count == KeySlot.byteCount, slots.count < Self.passphraseLimit else {
                    throw CryptoError.malformedAttuneFile("its passphrase stanzas")
                }
                var body = ByteReader(stanza)
                slots.append(try KeySlot(parsing: &body))
            }
            guard header.remaining == 0 else { throw CryptoError.malformedAttuneFile("bytes after the last stanza") }
            self.slots = slots
            self.envelopes = envelopes
            authenticatedBytes = Array(bytes[..<reader.offset])
        } catch KeySlot.Malformed.cost {
            throw CryptoError.costOutOfRange
        } catch KeySlot.Malformed.reason(let reason) {
            throw CryptoError.malformedAttuneFile(reason)
        } catch is ByteReader.Failure {
            throw CryptoError.malformedAttuneFile("its header ends too early")
        }
    }

    /// The key of the file's content, found by a passphrase; the header's MAC is checked with it.
    func fileKey(passphrase: borrowing SecretBytes, mac: [UInt8]) throws -> SecretBytes {
        guard !slots.isEmpty else { throw CryptoError.fileWithoutPassphrase }
        for slot in slots {
            guard let cost = slot.cost else { continue }
            let slotKey = try PassphraseKDF.key(passphrase: passphrase, salt: slot.salt, cost: cost)
            guard slot.isCommitted(to: slotKey) else { continue }
            guard let key = slot.unwrap(with: slotKey, context: Self.context(fileID: fileID)),
                sodium_memcmp(self.mac(under: key), mac, 32) == 0
            else { throw CryptoError.attuneFileDamaged }
            return key
        }
        throw CryptoError.wrongFilePassphrase
    }

    /// The key of the file's content, found by a device's keys; the header's MAC is checked with it.
    func fileKey(device: DeviceKeys, mac: [UInt8]) throws -> SecretBytes {
        let id = device.publicKeys.id
        guard let stanza = envelopes.first(where: { $0.device == id }) else { throw CryptoError.fileForOthers }
        let info = Self.deviceInfo(fileID: fileID, device: id)
        guard let key = try? device.open(stanza.envelope, info: info), key.count == 32,
            sodium_memcmp(self.mac(under: key), mac, 32) == 0
        else { throw CryptoError.attuneFileDamaged }
        return key
    }

    /// The info string of a file's envelope: `attune/v1/file` ‖ 00 ‖ file id ‖ device id.
    private static func deviceInfo(fileID: [UInt8], device: DeviceID) -> [UInt8] {
        Array("attune/v1/file\0".utf8) + fileID + device.bytes
    }

    /// BLAKE2b-256 over magic, length and header, keyed by subkey 2 `ATfilmac` of the file key.
    func mac(under fileKey: borrowing SecretBytes) -> [UInt8] {
        let key = KeyDerivation.subkey(of: fileKey, id: 2, context: "ATfilmac")
        return BLAKE2b.hash(authenticatedBytes, key: key).bytes
    }

    private static func context(fileID: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(magic)
        writer.bigEndian(version)
        writer.append(fileID)
        return writer.bytes
    }
}
