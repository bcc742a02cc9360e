// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Sixty digits that two people compare to be sure of each other's circle: 12 groups of 5.
///
/// Each group is 5 bytes, as a number modulo 100000, of BLAKE2b-512 (personal string `AT-safety`) of the smaller
/// circle id followed by the larger. It stays the same whatever devices come and go.
package struct SafetyNumber: Sendable, Equatable, CustomStringConvertible {
    /// Twelve groups of five digits.
    package let groups: [String]

    package init(_ one: CircleID, _ other: CircleID) {
        let text = min(one, other).bytes + max(one, other).bytes
        let hash = text.withUnsafeBytes { BLAKE2b.raw(count: 64, $0, key: nil, personal: "AT-safety") }
        groups = (0..<12).map { group in
            let number = hash[group * 5..<group * 5 + 5].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 100_000
            let digits = String(number)
            return String(repeating: "0", count: 5 - digits.count) + digits
        }
    }

    package var description: String { groups.joined(separator: " ") }
}

/// Three words that two devices show when they share a key, for a person to compare.
package struct CheckWords: Sendable, Equatable, CustomStringConvertible {
    package let words: [String]

    init(_ key: borrowing SecretBytes) { words = key.withUnsafeBytes { CodeWordList.words(for: $0.prefix(3)) } }

    package var description: String { words.joined(separator: " ") }
}
