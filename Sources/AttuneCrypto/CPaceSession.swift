// Attune
// SPDX-License-Identifier: Apache-2.0

import CSodium

/// An exchange after both shares: to be confirmed before its key is used.
package final class CPaceSession: Sendable {
    private let role: CPace.Role
    /// The intermediate session key, 64 bytes.
    let key: SecretBytes
    private let confirmationKey: SecretBytes
    private let own: [UInt8]
    private let other: [UInt8]

    /// - Parameters:
    ///   - secret: the shared point.
    ///   - own: this side's share and data, each after its length; `other` likewise.
    init(role: CPace.Role, sessionID: [UInt8], secret: borrowing SecretBytes, own: [UInt8], other: [UInt8]) {
        self.role = role
        self.own = own
        self.other = other
        let transcript = role == .initiator ? own + other : other + own
        let head = CPace.concatenated([Array("CPaceRistretto255_ISK".utf8), sessionID])
        key = secret.withPointer { secret in
            // The length of the point, then the point, as lv_cat writes it.
            Self.sha512(head + [32], secret: (secret, 32), tail: transcript)
        }
        let context = Array("CPaceMac".utf8) + sessionID
        confirmationKey = key.withPointer { Self.sha512(context, secret: ($0, 64), tail: []) }
    }

    /// What this side sends to show that it has the key, 64 bytes.
    package var confirmation: [UInt8] { authenticate(own) }

    /// Checks the other side's confirmation and gives the keys of the channel.
    ///
    /// - Throws: `CryptoError` E-CODE-004: the passwords differ, or a message was changed.
    package func confirm(_ peer: [UInt8]) throws -> PairingChannel {
        guard peer.count == 64, sodium_memcmp(peer, authenticate(other), 64) == 0 else {
            throw CryptoError.codeDiffers
        }
        return PairingChannel(key: key, role: role)
    }

    /// HMAC-SHA512.
    private func authenticate(_ text: [UInt8]) -> [UInt8] {
        var state = crypto_auth_hmacsha512_state()
        defer { sodium_memzero(&state, MemoryLayout.size(ofValue: state)) }
        var tag = [UInt8](repeating: 0, count: 64)
        confirmationKey.withPointer { _ = crypto_auth_hmacsha512_init(&state, $0, 64) }
        crypto_auth_hmacsha512_update(&state, text, UInt64(text.count))
        crypto_auth_hmacsha512_final(&state, &tag)
        return tag
    }

    private static func sha512(
        _ head: [UInt8], secret: (start: UnsafePointer<UInt8>, count: Int), tail: [UInt8]
    ) -> SecretBytes {
        var state = crypto_hash_sha512_state()
        defer { sodium_memzero(&state, MemoryLayout.size(ofValue: state)) }
        crypto_hash_sha512_init(&state)
        crypto_hash_sha512_update(&state, head, UInt64(head.count))
        crypto_hash_sha512_update(&state, secret.start, UInt64(secret.count))
        crypto_hash_sha512_update(&state, tail, UInt64(tail.count))
        var out = SecretBytes(count: 64)
        out.withMutablePointer { _ = crypto_hash_sha512_final(&state, $0) }
        return out
    }
}
