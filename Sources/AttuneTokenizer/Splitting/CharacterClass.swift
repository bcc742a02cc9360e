// Attune
// SPDX-License-Identifier: Apache-2.0

/// What the pre-tokenizers ask about a character.
struct CharacterClass: OptionSet, Sendable {
    let rawValue: UInt16

    /// `\p{L}`
    static let letter = CharacterClass(rawValue: 1)
    /// `\p{N}`
    static let number = CharacterClass(rawValue: 2)
    /// `\s`
    static let space = CharacterClass(rawValue: 4)
    /// `[\r\n]`
    static let newline = CharacterClass(rawValue: 8)
    /// `\p{M}`
    static let mark = CharacterClass(rawValue: 16)
    /// `\p{P}`
    static let punctuation = CharacterClass(rawValue: 32)
    /// `\p{S}`
    static let symbol = CharacterClass(rawValue: 64)
    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
    static let wordHead = CharacterClass(rawValue: 128)
    /// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
    static let wordTail = CharacterClass(rawValue: 256)

    /// Class of a code point; anything that is no scalar has no class.
    @inline(__always)
    static func of(_ value: UInt32) -> CharacterClass {
        value < 0x10000 ? basicPlane[Int(value)] : computed(value)
    }

    private static let basicPlane: [CharacterClass] = (0..<0x10000).map { computed($0) }

    private static func computed(_ value: UInt32) -> CharacterClass {
        guard let scalar = Unicode.Scalar(value) else { return [] }
        let properties = scalar.properties
        var result: CharacterClass
        switch properties.generalCategory {
        case .uppercaseLetter, .titlecaseLetter: result = [.letter, .wordHead]
        case .lowercaseLetter: result = [.letter, .wordTail]
        case .modifierLetter, .otherLetter: result = [.letter, .wordHead, .wordTail]
        case .nonspacingMark, .spacingMark, .enclosingMark: result = [.mark, .wordHead, .wordTail]
        case .decimalNumber, .letterNumber, .otherNumber: result = .number
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            result = .punctuation
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: result = .symbol
        default: result = []
        }
        if properties.isWhitespace { result.insert(.space) }
        if value == 0x0A || value == 0x0D { result.insert(.newline) }
        return result
    }
}
