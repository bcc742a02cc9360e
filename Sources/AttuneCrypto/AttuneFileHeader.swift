// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// The open part of an `.attune` file: who can open it.
///
/// Layout: version u32 = 1, file id 16, stanza count u32 (1 to 32), then per stanza its length u16 and its bytes, whose
/// first is the kind. A passphrase stanza (kind 1) is a `KeySlot` of 160 bytes; other kinds are carried and skipped.
struct AttuneFileHeader: Sendable {
    static let magic = "ATFILE01"
    static let version: UInt32 = 1
    static let byteLimit = 1 << 16
    static let stanzaLimit = 32
    // Each costs whoever opens the file a whole key derivation.
    static let passphraseLimit = 4

    let fileID: [UInt8]
    let slots: [KeySlot]
    /// Everything from the magic to the last stanza, as read or written.
    let authenticatedBytes: [UInt8]

    /// The header of a new file with one passphrase.
    init(fileKey: borrowing SecretBytes, passphrase: borrowing SecretBytes, cost: PassphraseCost) throws {
        fileID = Sodium.random(16)
        let slot = try KeySlot(
            wrapping: fileKey, passphrase: passphrase, cost: cost, context: Self.context(fileID: fileID))
        slots = [slot]
        var header = ByteWriter()
        header.bigEndian(Self.version)
        header.append(fileID)
        header.bigEndian(UInt32(1))
        header.bigEndian(UInt16(KeySlot.byteCount))
        header.append(slot.encoded)
        var writer = ByteWriter()
        writer.append(Self.magic)
        writer.bigEndian(UInt32(header.bytes.count))
        writer.append(header.bytes)
        authenticatedBytes = writer.bytes
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
            for _ in 0..<count {
                let stanza = try header.run(UInt64(try header.bigEndian(UInt16.self)))
                guard let kind = stanza.first else { throw CryptoError.malformedAttuneFile("an empty stanza") }
                guard kind == KeySlot.Kind.passphrase.rawValue else { continue }
                guard stanza.count == KeySlot.byteCount, slots.count < Self.passphraseLimit else {
                    throw CryptoError.malformedAttuneFile("its passphrase stanzas")
                }
                var body = ByteReader(stanza)
                slots.append(try KeySlot(parsing: &body))
            }
            guard header.remaining == 0 else { throw CryptoError.malformedAttuneFile("bytes after the last stanza") }
            self.slots = slots
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
