// Attune
// SPDX-License-Identifier: Apache-2.0

@testable import AttuneTokenizer

/// Small vocabularies made by hand.
enum TestVocabulary {
    /// Byte-level BPE with the 256 bytes as ids 0 to 255 and no merges.
    static func bytes(pre: String = "gpt-2") -> TokenizerDefinition {
        let tokens = ByteAlphabet.scalars.compactMap { Unicode.Scalar($0).map { String($0) } }
        var definition = TokenizerDefinition(model: "gpt2", tokens: tokens)
        definition.types = Array(repeating: 1, count: 256)
        definition.pre = pre
        return definition
    }

    /// SentencePiece with `<unk> <s> </s>`, the 256 byte tokens as ids 3 to 258, then `pieces` with their scores.
    static func sentencePiece(_ pieces: [(String, Float)]) -> TokenizerDefinition {
        let digits = Array("0123456789ABCDEF")
        let bytes = (0..<256).map { "<0x\(digits[$0 / 16])\(digits[$0 % 16])>" }
        var definition = TokenizerDefinition(
            model: "llama", tokens: ["<unk>", "<s>", "</s>"] + bytes + pieces.map(\.0))
        definition.types = [2, 3, 3] + Array(repeating: 6, count: 256) + Array(repeating: 1, count: pieces.count)
        definition.scores = Array(repeating: 0, count: 259) + pieces.map(\.1)
        definition.bos = 1
        definition.eos = 2
        definition.unknown = 0
        return definition
    }
}
