// Attune
// SPDX-License-Identifier: Apache-2.0

/// The tokens of a model: how each is spelled, what it stands for, and the way back.
struct Vocabulary: Sendable {
    let count: Int
    private(set) var kinds: [TokenKind]
    /// Bytes that each id stands for in a text; for control tokens their spelling.
    private(set) var pieces = ByteStrings()
    /// Ids that ordinary text can yield, by their bytes; for SentencePiece with ▁ for the space.
    private(set) var ids: ByteTable
    /// Ids by the spelling in the file.
    private var spellings: ByteTable
    /// Most bytes of a key of `ids`.
    private(set) var longest = 0

    /// Reads and checks the token list; `byteLevel` for the spelling of GPT-2, else that of SentencePiece.
    init(_ definition: TokenizerDefinition, byteLevel: Bool) throws(TokenizerError) {
        count = definition.tokens.count
        guard count > 0, count < Int(Int32.max) else { throw .vocabularySize(count) }
        kinds = try Self.kinds(definition)
        ids = ByteTable(capacity: count)
        spellings = ByteTable(capacity: count)
        pieces.reserve(count)
        for (index, spelling) in definition.tokens.enumerated() {
            let id = Int32(index)
            let utf8 = Array(spelling.utf8)
            if TurnMarkers.mustBeControl(spelling, kinds[index], typed: !definition.types.isEmpty) {
                kinds[index] = .control
            }
            spellings.set(utf8, to: id)
            if byteLevel {
                addByteLevel(spelling, utf8, id)
            } else {
                addSentencePiece(utf8, id)
            }
        }
    }

    func contains(_ id: Int32) -> Bool { id >= 0 && Int(id) < count }

    /// The id whose spelling in the file is `text`, nil if there is none; of duplicates the last.
    func id(spelled text: String) -> Int32? { spellings.find(Array(text.utf8)) }

    /// The id that stands for one byte where text has no better token.
    func byteFallback(_ byte: UInt8) -> Int32? {
        let digits = Array("0123456789ABCDEF".utf8)
        let spelling = Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]] + Array(">".utf8)
        return spellings.find(spelling) ?? ids.find([byte])
    }

    private mutating func addByteLevel(_ spelling: String, _ utf8: [UInt8], _ id: Int32) {
        guard kinds[Int(id)] == .normal || kinds[Int(id)] == .unused else {
            pieces.append(utf8)
            return
        }
        guard let bytes = ByteAlphabet.decode(spelling.unicodeScalars) else {
            // No text is spelled with a character outside the alphabet, so nothing can yield this token.
            pieces.append(utf8)
            return
        }
        pieces.append(bytes)
        enter(bytes, id)
    }

    private mutating func addSentencePiece(_ utf8: [UInt8], _ id: Int32) {
        switch kinds[Int(id)] {
        case .control, .unknown:
            pieces.append(utf8)
        case .byte:
            pieces.append(Self.byteValue(utf8).map { [$0] } ?? utf8)
        case .normal, .unused, .userDefined:
            pieces.append(utf8.replacingWordMarks)
            enter(utf8, id)
        }
    }

    private mutating func enter(_ bytes: [UInt8], _ id: Int32) {
        guard !bytes.isEmpty else { return }
        ids.set(bytes, to: id)
        longest = max(longest, bytes.count)
    }

    private static func kinds(_ definition: TokenizerDefinition) throws(TokenizerError) -> [TokenKind] {
        let count = definition.tokens.count
        if definition.types.isEmpty {
            return definition.tokens.map {
                byteValue(Array($0.utf8)) != nil && definition.model == "llama" ? .byte : .normal
            }
        }
        guard definition.types.count == count else {
            throw .lengthMismatch("types", definition.types.count, tokens: count)
        }
        var kinds: [TokenKind] = []
        kinds.reserveCapacity(count)
        for (index, type) in definition.types.enumerated() {
            // Some files leave the type of padding tokens at 0, which is no type at all.
            guard let kind = type == 0 ? .unused : TokenKind(rawValue: type) else { throw .unknownType(index, type) }
            kinds.append(kind)
        }
        return kinds
    }

    /// The byte that `<0xXX>` spells, nil for any other spelling.
    private static func byteValue(_ spelling: [UInt8]) -> UInt8? {
        guard spelling.count == 6, spelling.starts(with: "<0x".utf8), spelling[5] == UInt8(ascii: ">"),
            let high = hexDigit(spelling[3]), let low = hexDigit(spelling[4])
        else { return nil }
        return high << 4 | low
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        default: nil
        }
    }
}

extension [UInt8] {
    /// The same with every ▁ (U+2581) a space.
    var replacingWordMarks: [UInt8] {
        guard contains(0xE2) else { return self }
        var result: [UInt8] = []
        var index = 0
        while index < count {
            if self[index] == 0xE2, index + 2 < count, self[index + 1] == 0x96, self[index + 2] == 0x81 {
                result.append(0x20)
                index += 3
            } else {
                result.append(self[index])
                index += 1
            }
        }
        return result
    }
}
