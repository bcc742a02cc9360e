// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// The file beside the store that holds its key, wrapped once for every way of unlocking it.
///
/// The vault key is random and never changes; a new passphrase replaces one slot. Layout: `ATVAULT1`, version u32 = 1,
/// vault id 16, slot count u32, slots of 160 bytes, then BLAKE2b-256 over all before, keyed by subkey 2 `ATvltmac` of
/// the vault key. The bytes are public: without a passphrase they say nothing.
package struct VaultFile: Sendable, Equatable {
    static let magic = "ATVAULT1"
    static let version: UInt32 = 1
    static let slotLimit = 16
    static let headCount = 32

    /// 16 random bytes that name the vault.
    package let vaultID: [UInt8]
    /// One to 16 ways to the vault key.
    package private(set) var slots: [KeySlot]
    private var mac: [UInt8]

    /// Makes the file of a new vault.
    ///
    /// - Parameter vaultKey: 32 random bytes.
    /// - Throws: `CryptoError` E-KEY-006 if there is not enough memory for `cost`; never lowers the cost by itself.
    package static func create(
        vaultKey: borrowing SecretBytes, passphrase: borrowing SecretBytes, cost: PassphraseCost = .moderate
    ) throws -> VaultFile {
        try VaultFile(
            vaultID: Sodium.random(16), vaultKey: vaultKey, passphrase: passphrase, cost: cost)
    }

    private init(
        vaultID: [UInt8], vaultKey: borrowing SecretBytes, passphrase: borrowing SecretBytes, cost: PassphraseCost
    ) throws {
        self.vaultID = vaultID
        slots = [
            try KeySlot(
                wrapping: vaultKey, passphrase: passphrase, cost: cost, context: Self.context(vaultID: vaultID))
        ]
        mac = []
        authenticate(with: vaultKey)
    }

    /// The same vault with one passphrase, the new one; other kinds of slots stay.
    ///
    /// - Throws: `CryptoError` E-KEY-007 if `vaultKey` is not this vault's, E-KEY-006 if memory is short.
    package func replacingPassphrase(
        new passphrase: borrowing SecretBytes, vaultKey: borrowing SecretBytes, cost: PassphraseCost = .moderate
    ) throws -> VaultFile {
        try demand(vaultKey)
        let slot = try KeySlot(wrapping: vaultKey, passphrase: passphrase, cost: cost, context: context)
        var copy = self
        copy.slots = [slot] + slots.filter { $0.kind != .passphrase }
        copy.authenticate(with: vaultKey)
        return copy
    }

    /// The same vault with new recovery words behind those that it has, or in their place.
    ///
    /// - Parameter keepsEarlier: whether the first words that it has open it too, until `keepingNewestRecovery`.
    /// - Throws: `CryptoError` E-KEY-007 if `vaultKey` is not this vault's, E-KEY-008 if all slots are taken.
    package func addingRecovery(
        _ words: borrowing RecoveryWords, vaultKey: borrowing SecretBytes, keepsEarlier: Bool = false
    ) throws -> VaultFile {
        try demand(vaultKey)
        var copy = self
        let earlier = keepsEarlier ? slots.first { $0.kind == .recovery } : nil
        copy.slots = slots.filter { $0.kind != .recovery } + (earlier.map { [$0] } ?? [])
        guard copy.slots.count < Self.slotLimit else { throw CryptoError.tooManySlots }
        copy.slots.append(KeySlot(wrapping: vaultKey, recovery: words, context: context))
        copy.authenticate(with: vaultKey)
        return copy
    }

    /// The same vault with the newest of its recovery words alone.
    ///
    /// - Throws: `CryptoError` E-KEY-007 if `vaultKey` is not this vault's.
    package func keepingNewestRecovery(vaultKey: borrowing SecretBytes) throws -> VaultFile {
        try demand(vaultKey)
        var copy = self
        let kept = slots.last { $0.kind == .recovery }
        copy.slots = slots.filter { $0.kind != .recovery } + (kept.map { [$0] } ?? [])
        copy.authenticate(with: vaultKey)
        return copy
    }

    /// Whether there is a slot of this kind.
    package func has(_ kind: KeySlot.Kind) -> Bool { slots.contains { $0.kind == kind } }

    /// The bytes of the file.
    package func encoded() -> [UInt8] { authenticatedBytes + mac }

    /// Reads and checks everything that can be checked without a key.
    ///
    /// - Throws: `CryptoError` E-KEY-004 (not this format), E-KEY-005 (a cost that only a hostile file asks for).
    package init(parsing bytes: UnsafeRawBufferPointer) throws {
        do {
            var reader = ByteReader(bytes)
            guard try reader.string(8) == Self.magic else { throw CryptoError.malformedVaultFile("other first bytes") }
            guard try reader.bigEndian(UInt32.self) == Self.version else {
                throw CryptoError.malformedVaultFile("another version")
            }
            vaultID = try reader.array(16)
            let count = try reader.bigEndian(UInt32.self)
            guard (1...UInt32(Self.slotLimit)).contains(count) else {
                throw CryptoError.malformedVaultFile("\(count) key slots")
            }
            slots = []
            for _ in 0..<count { slots.append(try KeySlot(parsing: &reader)) }
            mac = try reader.array(32)
            guard reader.remaining == 0 else { throw CryptoError.malformedVaultFile("bytes after the end") }
        } catch KeySlot.Malformed.cost {
            throw CryptoError.costOutOfRange
        } catch KeySlot.Malformed.reason(let reason) {
            throw CryptoError.malformedVaultFile(reason)
        } catch is ByteReader.Failure {
            throw CryptoError.malformedVaultFile("it ends too early")
        }
    }

    /// The 28 bytes that bind a slot to this vault.
    var context: [UInt8] { Self.context(vaultID: vaultID) }

    private static func context(vaultID: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(magic)
        writer.bigEndian(version)
        writer.append(vaultID)
        return writer.bytes
    }

    private var authenticatedBytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(context)
        writer.bigEndian(UInt32(slots.count))
        for slot in slots { writer.append(slot.encoded) }
        return writer.bytes
    }

    private func expectedMAC(_ vaultKey: borrowing SecretBytes) -> [UInt8] {
        let key = KeyDerivation.subkey(of: vaultKey, id: 2, context: "ATvltmac")
        return BLAKE2b.hash(authenticatedBytes, key: key).bytes
    }

    private mutating func authenticate(with vaultKey: borrowing SecretBytes) { mac = expectedMAC(vaultKey) }

    /// Whether the whole file is what the owner of `vaultKey` wrote.
    func isAuthentic(under vaultKey: borrowing SecretBytes) -> Bool {
        sodium_memcmp(expectedMAC(vaultKey), mac, 32) == 0
    }

    private func demand(_ vaultKey: borrowing SecretBytes) throws {
        guard vaultKey.count == 32, isAuthentic(under: vaultKey) else { throw CryptoError.wrongVaultKey }
    }
}
