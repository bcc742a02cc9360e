// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The code that one device shows and the other is told: a number that finds the mailbox, and three words (24 bits).
package struct PairingCode: Sendable, Equatable, CustomStringConvertible {
    /// 1 to 4 digits; no secret.
    package let nameplate: String
    /// Three words of the list; the secret.
    package let words: [String]

    /// A code with fresh words.
    ///
    /// - Parameter nameplate: as the mailbox was opened under.
    /// - Throws: `CryptoError` E-CODE-001 if it is not 1 to 4 digits.
    package init(nameplate: String) throws {
        guard Self.isNameplate(nameplate) else { throw CryptoError.codeShape }
        self.nameplate = nameplate
        words = CodeWordList.words(for: Sodium.random(3))
    }

    /// Reads a code as somebody types it: in either case, with dashes or spaces, words by three letters or more.
    ///
    /// - Throws: `CryptoError` E-CODE-001 (shape), E-CODE-002 (a word that is not in the list).
    package init(parsing text: String) throws {
        guard text.utf8.count <= 256 else { throw CryptoError.codeShape }
        let parts = text.split { $0.isWhitespace || $0 == "-" || $0 == "\u{2013}" || $0 == "\u{2010}" }
        guard parts.count == 4, Self.isNameplate(parts[0]) else { throw CryptoError.codeShape }
        nameplate = String(parts[0])
        words = try parts[1...].enumerated().map { place, part in
            guard let index = CodeWordList.index(of: part) else { throw CryptoError.codeWord(position: place + 1) }
            return CodeWordList.words[Int(index)]
        }
    }

    /// As it is shown: `7-otter-lantern-cedar`.
    package var description: String { ([nameplate] + words).joined(separator: "-") }

    /// The secret of the exchange: the words, joined by dashes.
    package var password: [UInt8] { Array(words.joined(separator: "-").utf8) }

    /// The channel identifier of the exchange.
    ///
    /// - Parameter authority: the relay's authority; nil for a pairing on the local network.
    package func context(authority: String?) -> [UInt8] {
        CPace.concatenated(
            ["attune/pair/v1", authority?.lowercased() ?? "lan", nameplate, "old-device", "new-device"].map {
                Array($0.utf8)
            })
    }

    private static func isNameplate(_ text: some StringProtocol) -> Bool {
        (1...4).contains(text.utf8.count) && text.utf8.allSatisfy { (48...57).contains($0) }
    }
}
