// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What two devices say to each other once the code was confirmed: sealed with a key for each direction.
///
/// Keys: `crypto_kdf` with context `ATpairng` from BLAKE2b-256 of the exchange's key, 1 for new to old, 2 for old to
/// new, 3 for the check words. A message is nonce 24 ‖ ciphertext ‖ tag 16 with associated data
/// `attune/v1/pairing` ‖ 00 ‖ phase.
package final class PairingChannel: Sendable {
    private let sending: SecretBytes
    private let receiving: SecretBytes
    /// Three words that both devices show, for a person to compare.
    package let checkWords: CheckWords

    init(key: borrowing SecretBytes, role: CPace.Role) {
        var digest = key.withUnsafeBytes { BLAKE2b.digest($0, key: nil, personal: nil).bytes }
        let root = SecretBytes(consuming: &digest)
        let toOld = KeyDerivation.subkey(of: root, id: 1, context: Self.context)
        let toNew = KeyDerivation.subkey(of: root, id: 2, context: Self.context)
        checkWords = CheckWords(KeyDerivation.subkey(of: root, id: 3, context: Self.context))
        switch role {
        case .initiator:
            sending = toNew
            receiving = toOld
        case .responder:
            sending = toOld
            receiving = toNew
        }
    }

    /// Seals a message.
    ///
    /// - Parameter phase: its place in the conversation; each is used once for each direction.
    package func seal(_ message: [UInt8], phase: UInt8) -> [UInt8] {
        message.withUnsafeBytes { AEAD.seal($0, key: sending, associatedData: Self.purpose + [phase]) }
    }

    /// Opens the other side's message of a phase.
    ///
    /// - Throws: `CryptoError` E-CODE-005 if it was changed, or is of another phase or direction.
    package func open(_ sealed: [UInt8], phase: UInt8) throws -> [UInt8] {
        guard let opened = AEAD.openArray(sealed, key: receiving, associatedData: Self.purpose + [phase]) else {
            throw CryptoError.channelRefused
        }
        return opened
    }

    private static let context = "ATpairng"
    private static let purpose = Array("attune/v1/pairing\0".utf8)
}
