// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension EpochKey {
    /// Bytes of one kept key: its epoch u32, what it belongs to (32 bytes), the key (32 bytes).
    private static let keptBytes = 68

    /// Seals keys for keeping, each with the digest of what it belongs to: nonce 24 ‖ 68 bytes each ‖ tag 16 under
    /// subkey 1 `ATseals_` of the vault key.
    ///
    /// - Parameter vaultKey: 32 bytes.
    package static func seal(
        kept keys: [(key: EpochKey, origin: Digest256)], vaultKey: borrowing SecretBytes
    ) -> [UInt8] {
        var all = SecretBytes(count: keys.count * keptBytes)
        all.withUnsafeMutableBytes { target in
            for (index, item) in keys.enumerated() {
                var writer = ByteWriter()
                writer.bigEndian(item.key.epoch)
                writer.append(item.origin.bytes)
                let part = UnsafeMutableRawBufferPointer(rebasing: target[(index * keptBytes)...].prefix(keptBytes))
                part.copyBytes(from: writer.bytes)
                item.key.withKey { key in
                    key.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: part[36...]).copyMemory(from: $0) }
                }
            }
        }
        let key = KeyDerivation.subkey(of: vaultKey, id: 1, context: "ATseals_")
        return all.withUnsafeBytes { AEAD.seal($0, key: key, associatedData: keptPurpose) }
    }

    /// Opens what `seal(kept:vaultKey:)` made.
    ///
    /// - Throws: `CryptoError` E-KEY-040.
    package static func open(
        kept sealed: [UInt8], vaultKey: borrowing SecretBytes
    ) throws -> [(key: EpochKey, origin: Digest256)] {
        let key = KeyDerivation.subkey(of: vaultKey, id: 1, context: "ATseals_")
        guard let all = AEAD.open(sealed, key: key, associatedData: keptPurpose), all.count % keptBytes == 0 else {
            throw CryptoError.deviceKeysDamaged
        }
        return try stride(from: 0, to: all.count, by: keptBytes).map { start in
            let head = all.withUnsafeBytes { Array($0[start..<start + 36]) }
            guard let origin = Digest256(head[4...]) else { throw CryptoError.deviceKeysDamaged }
            let epoch = head[..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return (EpochKey(epoch: epoch, key: all.slice(start + 36..<start + keptBytes)), origin)
        }
    }

    private static let keptPurpose = Array("attune/v1/epochs\0".utf8)
}
