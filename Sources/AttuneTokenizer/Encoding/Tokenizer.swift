// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Turns text into the token ids of a model and back.
package struct Tokenizer: Sendable {
    /// Number of token ids; every id is below it.
    package var vocabularySize: Int { vocabulary.count }
    /// Beginning-of-text token, nil if the model has none.
    package let bos: Int32?
    /// End-of-text token, nil if the model has none.
    package let eos: Int32?
    /// Tokens that end what the model writes.
    package let endOfGeneration: Set<Int32>
    /// Token between two training documents: `<|endoftext|>` where there is one, else the end-of-text token.
    package let endOfDocument: Int32
    /// Whether the model expects every text to begin with `bos`.
    package let addsBOS: Bool

    let vocabulary: Vocabulary
    let specials: SpecialTokenMatcher
    let encoder: Encoder

    enum Encoder: Sendable {
        case bytePair(BytePairEncoder)
        case sentencePiece(SentencePieceEncoder)
    }

    /// Checks a definition and prepares it for encoding; throws `TokenizerError` for one that cannot be used.
    package init(_ definition: TokenizerDefinition) throws {
        let byteLevel = definition.model == "gpt2"
        guard byteLevel || definition.model == "llama" else { throw TokenizerError.unknownModel(definition.model) }
        try Self.checkIds(definition)
        let vocabulary = try Vocabulary(definition, byteLevel: byteLevel)
        self.vocabulary = vocabulary
        if byteLevel {
            let bytePair = try BytePairEncoder(definition, vocabulary)
            guard definition.scores.isEmpty || definition.scores.count == vocabulary.count else {
                throw TokenizerError.lengthMismatch("scores", definition.scores.count, tokens: vocabulary.count)
            }
            encoder = .bytePair(bytePair)
            bos = definition.bos
            eos = definition.eos
            addsBOS = (definition.addsBOS ?? bytePair.addsBOS) && definition.bos != nil
        } else {
            encoder = .sentencePiece(try SentencePieceEncoder(definition, vocabulary))
            bos = definition.bos ?? vocabulary.id(spelled: "<s>")
            eos = definition.eos ?? vocabulary.id(spelled: "</s>")
            addsBOS = (definition.addsBOS ?? true) && bos != nil
        }
        specials = try SpecialTokenMatcher(definition, kinds: vocabulary.kinds)
        var ends = Set([eos, definition.eot, definition.eom].compactMap { $0 })
        for spelling in TurnMarkers.ends {
            if let id = vocabulary.id(spelled: spelling) { ends.insert(id) }
        }
        endOfGeneration = ends
        endOfDocument =
            vocabulary.id(spelled: "<|endoftext|>") ?? eos ?? definition.eot ?? definition.padding ?? bos ?? 0
    }

    /// The id whose spelling in the model file is `text`, or that stands for exactly `text`; nil if there is none.
    package func id(of text: String) -> Int32? {
        if let id = vocabulary.id(spelled: text) { return id }
        switch encoder {
        case .bytePair: return vocabulary.ids.find(Array(text.utf8))
        case .sentencePiece:
            return vocabulary.ids.find(Array(text.utf8).flatMap { $0 == 0x20 ? [0xE2, 0x96, 0x81] : [$0] })
        }
    }

    /// Whether an id stands for no text, such as the end of a turn; also true for ids outside the vocabulary.
    package func isControl(_ id: Int32) -> Bool {
        guard vocabulary.contains(id) else { return true }
        return vocabulary.kinds[Int(id)].isControl
    }

    private static func checkIds(_ definition: TokenizerDefinition) throws(TokenizerError) {
        let count = definition.tokens.count
        let named: [(String, Int32?)] = [
            ("bos", definition.bos), ("eos", definition.eos), ("eot", definition.eot), ("eom", definition.eom),
            ("unknown", definition.unknown), ("padding", definition.padding),
        ]
        for case (let name, let id?) in named where id < 0 || Int(id) >= count {
            throw .idOutOfRange(name, id, tokens: count)
        }
    }
}
