// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// Turns a passphrase into a 32-byte key with Argon2id version 1.3 (RFC 9106).
package enum PassphraseKDF {
    /// Takes as long and as much memory as `cost` says.
    ///
    /// - Parameter salt: exactly 16 bytes.
    /// - Throws: `CryptoError` E-KEY-005 (cost out of range), E-KEY-006 (not enough memory).
    package static func key(
        passphrase: borrowing SecretBytes, salt: [UInt8], cost: PassphraseCost
    ) throws -> SecretBytes {
        precondition(salt.count == 16)
        try cost.validate()
        var key = SecretBytes(count: 32)
        let count = passphrase.count
        let status = passphrase.withPointer { source in
            key.withMutablePointer { target in
                crypto_pwhash(
                    target, 32, UnsafeRawPointer(source).assumingMemoryBound(to: CChar.self), UInt64(count), salt,
                    cost.opslimit, Int(cost.memlimit), crypto_pwhash_ALG_ARGON2ID13)
            }
        }
        guard status == 0 else { throw CryptoError.notEnoughMemory(bytes: cost.memlimit) }
        return key
    }
}
