// Attune
// SPDX-License-Identifier: Apache-2.0

/// Three words that two devices show when they share a key, for a person to compare.
package struct CheckWords: Sendable, Equatable, CustomStringConvertible {
    package let words: [String]

    init(_ key: borrowing SecretBytes) { words = key.withUnsafeBytes { CodeWordList.words(for: $0.prefix(3)) } }

    package var description: String { words.joined(separator: " ") }
}
