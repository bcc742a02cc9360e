// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// One side of a password-authenticated key exchange: CPACE-RISTR255-SHA512 (draft-irtf-cfrg-cpace-21) in its
/// initiator-responder form, with key confirmation.
///
/// A wrong password is noticed only at the confirmation, so each exchange gives an attacker one guess.
package final class CPace: Sendable {
    /// Which side this is.
    package enum Role: UInt8, Sendable {
        /// The device that shows the code.
        case initiator = 1
        /// The device that the code is typed into.
        case responder = 2
    }

    package let role: Role
    /// This side's share, a Ristretto255 point of 32 bytes.
    package let share: [UInt8]
    /// What this side binds to the exchange beside its share.
    package let associatedData: [UInt8]
    private let sessionID: [UInt8]
    private let scalar: SecretBytes

    /// - Parameters:
    ///   - password: the secret that both sides know.
    ///   - context: the channel identifier: who talks to whom over what.
    ///   - sessionID: fresh for each exchange, from both sides.
    package convenience init(
        role: Role, password: [UInt8], context: [UInt8], sessionID: [UInt8], associatedData: [UInt8]
    ) {
        var scalar = SecretBytes(count: 32)
        scalar.withMutablePointer { crypto_core_ristretto255_scalar_random($0) }
        self.init(
            role: role, password: password, context: context, sessionID: sessionID, associatedData: associatedData,
            scalar: scalar)
    }

    /// As the other one with a scalar that vectors fix.
    init(
        role: Role, password: [UInt8], context: [UInt8], sessionID: [UInt8], associatedData: [UInt8],
        scalar: consuming SecretBytes
    ) {
        self.role = role
        self.associatedData = associatedData
        self.sessionID = sessionID
        let generator = Self.generator(password: password, context: context, sessionID: sessionID)
        var share = [UInt8](repeating: 0, count: 32)
        let status = scalar.withPointer { crypto_scalarmult_ristretto255(&share, $0, generator) }
        // The generator is not the identity and a scalar is not zero but with a chance of 2⁻²⁵².
        precondition(status == 0, "a share that is the identity")
        self.share = share
        self.scalar = scalar
    }

    /// Takes the other side's share.
    ///
    /// - Throws: `CryptoError` E-CODE-003 if it is no point, the identity, or this side's own sent back.
    package func finish(share peer: [UInt8], associatedData peerData: [UInt8]) throws -> CPaceSession {
        guard peer.count == 32, peer != share, let secret = Self.product(scalar, peer) else {
            throw CryptoError.exchangeRefused
        }
        return CPaceSession(
            role: role, sessionID: sessionID, secret: secret,
            own: Self.concatenated([share, associatedData]), other: Self.concatenated([peer, peerData]))
    }

    /// The password, context and session as a point.
    static func generator(password: [UInt8], context: [UInt8], sessionID: [UInt8]) -> [UInt8] {
        precondition(Sodium.isReady)
        let text = generatorString(password: password, context: context, sessionID: sessionID)
        var hash = [UInt8](repeating: 0, count: 64)
        crypto_hash_sha512(&hash, text, UInt64(text.count))
        var point = [UInt8](repeating: 0, count: 32)
        crypto_core_ristretto255_from_hash(&point, hash)
        return point
    }

    /// What is hashed to the generator: padded so that the password fills the hash's first block.
    static func generatorString(password: [UInt8], context: [UInt8], sessionID: [UInt8]) -> [UInt8] {
        let domain = Array("CPaceRistretto255".utf8)
        let padding = max(0, 128 - prefixed(password).count - prefixed(domain).count - 1)
        return concatenated([domain, password, [UInt8](repeating: 0, count: padding), context, sessionID])
    }

    /// y·Y; nil if it must not be used.
    static func product(_ scalar: borrowing SecretBytes, _ point: [UInt8]) -> SecretBytes? {
        var secret = SecretBytes(count: 32)
        let status = secret.withMutablePointer { out in
            scalar.withPointer { crypto_scalarmult_ristretto255(out, $0, point) }
        }
        guard status == 0 else { return nil }
        return secret
    }

    /// `lv_cat`: each item after its length.
    package static func concatenated(_ items: [[UInt8]]) -> [UInt8] { items.flatMap(prefixed) }

    /// `prepend_len`: the length in LEB128, then the bytes.
    private static func prefixed(_ bytes: [UInt8]) -> [UInt8] {
        var length: [UInt8] = []
        var rest = bytes.count
        repeat {
            length.append(UInt8(rest & 127) | (rest > 127 ? 128 : 0))
            rest >>= 7
        } while rest > 0
        return length + bytes
    }
}

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
