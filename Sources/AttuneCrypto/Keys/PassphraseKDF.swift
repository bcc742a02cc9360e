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

/// What one guess of a passphrase costs: the parameters of Argon2id (RFC 9106) with one lane.
package struct PassphraseCost: Sendable, Codable, Equatable {
    /// Passes over the memory.
    package let opslimit: UInt64
    /// Bytes of memory.
    package let memlimit: UInt64

    package init(opslimit: UInt64, memlimit: UInt64) {
        self.opslimit = opslimit
        self.memlimit = memlimit
    }

    /// The default: 3 passes over 256 MiB, about 0.6 s.
    package static let moderate = PassphraseCost(opslimit: 3, memlimit: 268_435_456)
    /// For machines without 256 MiB to spare: 4 passes over 64 MiB, about 0.2 s.
    package static let interactive = PassphraseCost(opslimit: 4, memlimit: 67_108_864)

    /// The most that a file from elsewhere may ask for: 10 passes, 1 GiB.
    static let limit = PassphraseCost(opslimit: 10, memlimit: 1 << 30)

    /// Refuses what libsodium does not know and what only a hostile file would ask for.
    ///
    /// - Throws: `CryptoError` E-KEY-005.
    func validate() throws {
        guard (1...Self.limit.opslimit).contains(opslimit), (8192...Self.limit.memlimit).contains(memlimit) else {
            throw CryptoError.costOutOfRange
        }
    }
}
