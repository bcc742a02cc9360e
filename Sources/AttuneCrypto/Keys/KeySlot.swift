// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// One way to a wrapped 32-byte key: the same 160 bytes in a vault file and in an `.attune` file.
///
/// Layout: kind u8, algorithm u8 = 2, zero u16, opslimit u64, memlimit u64, salt 16, nonce 24, wrapped key 48,
/// commitment 32, zero 20. The associated data is the file's first 28 bytes followed by the slot's first 36.
package struct KeySlot: Sendable, Equatable {
    /// What the key that opens the slot comes from.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// A passphrase through Argon2id.
        case passphrase = 1
        /// Recovery words.
        case recovery = 2
        /// 32 random bytes that the operating system's secret store keeps.
        case systemStore = 3
    }

    /// Why bytes are not a slot.
    enum Malformed: Error {
        case reason(String)
        case cost
    }

    static let byteCount = 160
    static let contextCount = 28
    private static let algorithm: UInt8 = 2

    package let kind: Kind
    /// The cost of one guess; nil if the key is not derived from a passphrase.
    package let cost: PassphraseCost?
    let salt: [UInt8]
    private let nonce: [UInt8]
    private let wrapped: [UInt8]
    private let commitment: [UInt8]

    /// Wraps `key` under a passphrase with a fresh salt.
    ///
    /// - Parameter context: the 28 bytes that bind the slot to its file.
    init(
        wrapping key: borrowing SecretBytes, passphrase: borrowing SecretBytes, cost: PassphraseCost, context: [UInt8]
    ) throws {
        let salt = Sodium.random(16)
        let slotKey = try PassphraseKDF.key(passphrase: passphrase, salt: salt, cost: cost)
        self.init(wrapping: key, kind: .passphrase, cost: cost, salt: salt, slotKey: slotKey, context: context)
    }

    /// Wraps `key` under recovery words; cost and salt are zero.
    init(wrapping key: borrowing SecretBytes, recovery: borrowing RecoveryWords, context: [UInt8]) {
        let slotKey = recovery.subkey(id: 1)
        let salt = [UInt8](repeating: 0, count: 16)
        self.init(wrapping: key, kind: .recovery, cost: nil, salt: salt, slotKey: slotKey, context: context)
    }

    private init(
        wrapping key: borrowing SecretBytes, kind: Kind, cost: PassphraseCost?, salt: [UInt8],
        slotKey: borrowing SecretBytes, context: [UInt8]
    ) {
        precondition(key.count == 32 && slotKey.count == 32 && context.count == Self.contextCount)
        self.kind = kind
        self.cost = cost
        self.salt = salt
        let nonce = Sodium.random(24)
        let aad = context + Self.head(kind: kind, cost: cost, salt: salt)
        self.nonce = nonce
        var wrapped = [UInt8](repeating: 0, count: 48)
        key.withPointer { source in
            slotKey.withPointer { slotKey in
                _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
                    &wrapped, nil, source, 32, aad, UInt64(aad.count), nil, nonce, slotKey)
            }
        }
        self.wrapped = wrapped
        commitment = Self.commitment(to: slotKey)
    }

    /// Reads 160 bytes, refusing unknown values before anything is derived from them.
    init(parsing reader: inout ByteReader) throws {
        guard let kind = Kind(rawValue: try reader.bigEndian()), try reader.bigEndian(UInt8.self) == Self.algorithm,
            try reader.bigEndian(UInt16.self) == 0
        else { throw Malformed.reason("a key slot of an unknown kind") }
        let cost = PassphraseCost(opslimit: try reader.bigEndian(), memlimit: try reader.bigEndian())
        self.kind = kind
        salt = try reader.array(16)
        if kind == .passphrase {
            do { try cost.validate() } catch { throw Malformed.cost }
            self.cost = cost
        } else {
            guard cost == PassphraseCost(opslimit: 0, memlimit: 0), salt.allSatisfy({ $0 == 0 }) else {
                throw Malformed.reason("a key slot with a cost where there is none")
            }
            self.cost = nil
        }
        nonce = try reader.array(24)
        wrapped = try reader.array(48)
        commitment = try reader.array(32)
        guard try reader.array(20).allSatisfy({ $0 == 0 }) else {
            throw Malformed.reason("a key slot with bytes after its end")
        }
    }

    /// The slot's 160 bytes.
    var encoded: [UInt8] {
        Self.head(kind: kind, cost: cost, salt: salt) + nonce + wrapped + commitment + [UInt8](repeating: 0, count: 20)
    }

    /// Whether `slotKey` is the key this slot was made with.
    ///
    /// Asked before decrypting: the cipher alone would let one ciphertext open under several keys, and each try of a
    /// crafted file would then test many passphrases at once.
    func isCommitted(to slotKey: borrowing SecretBytes) -> Bool {
        sodium_memcmp(Self.commitment(to: slotKey), commitment, 32) == 0
    }

    /// Unwraps the key; nil if the slot or the file's first 28 bytes were changed.
    func unwrap(with slotKey: borrowing SecretBytes, context: [UInt8]) -> SecretBytes? {
        let aad = context + Self.head(kind: kind, cost: cost, salt: salt)
        var key = SecretBytes(count: 32)
        let status = slotKey.withPointer { slotKey in
            key.withMutablePointer { target in
                crypto_aead_xchacha20poly1305_ietf_decrypt(
                    target, nil, nil, wrapped, UInt64(wrapped.count), aad, UInt64(aad.count), nonce, slotKey)
            }
        }
        guard status == 0 else { return nil }
        return key
    }

    private static func commitment(to slotKey: borrowing SecretBytes) -> [UInt8] {
        slotKey.withUnsafeBytes { BLAKE2b.hash($0, personal: "AT-commit").bytes }
    }

    private static func head(kind: Kind, cost: PassphraseCost?, salt: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.bigEndian(kind.rawValue)
        writer.bigEndian(algorithm)
        writer.zeros(2)
        writer.bigEndian(cost?.opslimit ?? 0)
        writer.bigEndian(cost?.memlimit ?? 0)
        writer.append(salt)
        return writer.bytes
    }
}
