// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium

/// 32 random bytes written as 24 words: 256 bits, then the first 8 bits of their SHA-256, 11 bits a word (BIP39).
///
/// The words are only an encoding: nothing is derived from their letters, and there is no extra passphrase.
package struct RecoveryWords: ~Copyable, Sendable {
    private let entropy: SecretBytes

    /// Fresh words from the kernel's random source.
    package static func random() -> RecoveryWords { RecoveryWords(entropy: SecretBytes(random: 32)) }

    /// Takes 32 bytes as they are.
    package init(entropy: consuming SecretBytes) {
        precondition(entropy.count == 32)
        self.entropy = entropy
    }

    /// Reads 24 words in either case with anything but letters between them.
    ///
    /// - Throws: `CryptoError` E-KEY-010 (count), E-KEY-011 (a word is not in the list; names the nearest),
    ///   E-KEY-012 (checksum).
    package init(words text: borrowing SecretBytes) throws {
        var entropy = SecretBytes(count: 33)
        try text.withUnsafeBytes { bytes in
            // The words stay where they are: copies of them would not be wiped.
            let words = bytes.split(whereSeparator: { !RecoveryWordList.isLetter($0) })
            guard words.count == 24 else { throw CryptoError.recoveryWordCount(words.count) }
            for (position, word) in words.enumerated() {
                guard let index = RecoveryWordList.index(of: word) else {
                    throw CryptoError.unknownRecoveryWord(
                        position: position + 1, nearest: RecoveryWordList.nearest(to: word))
                }
                entropy.withUnsafeMutableBytes { bytes in
                    for bit in 0..<11 where index >> (10 - bit) & 1 == 1 {
                        let place = position * 11 + bit
                        bytes[place / 8] |= 0x80 >> UInt8(place % 8)
                    }
                }
            }
        }
        let expected = entropy.withUnsafeBytes { Self.checksum(UnsafeRawBufferPointer(rebasing: $0[..<32])) }
        guard entropy.withUnsafeBytes({ $0[32] }) == expected else { throw CryptoError.recoveryChecksum }
        self.entropy = entropy.prefix(32)
    }

    /// Reads 24 words from a string, which stays in memory as long as its owner keeps it.
    ///
    /// - Throws: as `init(words:)` for bytes.
    package init(words text: String) throws {
        var bytes = Array(text.utf8)
        try self.init(words: SecretBytes(consuming: &bytes))
    }

    /// The 24 words in their order; each call makes new strings, which are not wiped.
    package var words: [String] {
        entropy.withUnsafeBytes { bytes in
            let sum = Self.checksum(bytes)
            return (0..<24).map { position in
                let index = (0..<11).reduce(0) { index, bit in
                    let place = position * 11 + bit
                    let byte = place / 8 < 32 ? bytes[place / 8] : sum
                    return index << 1 | Int(byte >> UInt8(7 - place % 8) & 1)
                }
                return RecoveryWordList.words[index]
            }
        }
    }

    /// Subkey number `id` of the 32 bytes: 1 wraps the vault key, 2 and 3 are the paper device's seeds.
    package borrowing func subkey(id: UInt64) -> SecretBytes {
        KeyDerivation.subkey(of: entropy, id: id, context: "ATrecvry")
    }

    private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt8 { SHA256.hash(bytes).bytes[0] }
}

extension DeviceKeys {
    /// The recovery words as a device.
    package convenience init(paper words: borrowing RecoveryWords) throws {
        try self.init(signingSeed: words.subkey(id: 2), sealingSeed: words.subkey(id: 3), tlsKey: SecretBytes(count: 0))
    }
}
