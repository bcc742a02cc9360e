// Attune
// SPDX-License-Identifier: Apache-2.0

import CSodium

/// Subkeys of a 32-byte key by `crypto_kdf`: BLAKE2b with the context as personal string and the number as salt.
package enum KeyDerivation {
    /// Derives subkey number `id` of `key` for one purpose.
    ///
    /// - Parameters:
    ///   - key: exactly 32 bytes, uniformly random.
    ///   - context: exactly 8 ASCII bytes that name the purpose, such as `ATdbroot`.
    ///   - count: 16 to 64 bytes.
    package static func subkey(
        of key: borrowing SecretBytes, id: UInt64, context: String, count: Int = 32
    ) -> SecretBytes {
        precondition(key.count == 32 && context.utf8.count == 8 && (16...64).contains(count))
        var result = SecretBytes(count: count)
        key.withPointer { source in
            result.withMutablePointer { target in
                _ = crypto_kdf_derive_from_key(target, count, id, context, source)
            }
        }
        return result
    }
}
