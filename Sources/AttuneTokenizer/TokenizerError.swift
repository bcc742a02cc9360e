// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can be wrong with the tokenizer that a model file describes.
package enum TokenizerFailure: String, FailureKind {
    case unknownModel = "E-TOKEN-001"
    case unknownPreTokenizer = "E-TOKEN-002"
    case vocabularySize = "E-TOKEN-003"
    case lengthMismatch = "E-TOKEN-004"
    case idOutOfRange = "E-TOKEN-005"
    case malformedMerge = "E-TOKEN-006"
    case unusableScores = "E-TOKEN-007"
    case specialTooLong = "E-TOKEN-008"
    case unknownType = "E-TOKEN-009"

    package var summary: FailureSummary {
        switch self {
        case .unknownModel: FailureSummary(.invalidData, "a kind of tokenizer that cannot be read")
        case .unknownPreTokenizer: FailureSummary(.invalidData, "a pre-tokenizer that is not known")
        case .vocabularySize: FailureSummary(.invalidData, "the vocabulary is empty or too large")
        case .lengthMismatch: FailureSummary(.invalidData, "a list that goes with the tokens has another length")
        case .idOutOfRange: FailureSummary(.invalidData, "a special token lies outside the vocabulary")
        case .malformedMerge: FailureSummary(.invalidData, "a merge is not two pieces and a space")
        case .unusableScores: FailureSummary(.invalidData, "the scores of the tokens cannot be used")
        case .specialTooLong: FailureSummary(.invalidData, "a special token is too long")
        case .unknownType: FailureSummary(.invalidData, "a token is of a type that does not exist")
        }
    }
}

/// What can be wrong with the tokenizer that a model file describes.
package typealias TokenizerError = Failure<TokenizerFailure>
extension TokenizerError {
    private static var another: String {
        "Get the base again with `attune base pull`, or add another one with `attune base add FILE`."
    }

    /// The file names a kind of tokenizer that is neither byte-level BPE nor SentencePiece.
    static func unknownModel(_ model: String) -> TokenizerError {
        TokenizerError(
            .unknownModel,
            "the model's tokenizer is of kind \"\(shortened(model))\", and only gpt2 and llama can be read",
            remedy: "Add a base whose tokenizer.ggml.model is gpt2 or llama with `attune base add FILE`.")
    }

    /// The vocabulary is empty or larger than an id can count.
    static func vocabularySize(_ count: Int) -> TokenizerError {
        TokenizerError(
            .vocabularySize, "the model's vocabulary has \(count) tokens, and 1 to \(Int(Int32.max)) are possible",
            remedy: Self.another)
    }

    /// A list that goes with the tokens has another length.
    static func lengthMismatch(_ list: String, _ count: Int, tokens: Int) -> TokenizerError {
        TokenizerError(
            .lengthMismatch, "the model lists \(count) token \(list) for \(tokens) tokens", remedy: Self.another)
    }

    /// A special id lies outside the vocabulary.
    static func idOutOfRange(_ name: String, _ id: Int32, tokens: Int) -> TokenizerError {
        TokenizerError(
            .idOutOfRange, "the model's \(name) token is \(id), and the vocabulary has only \(tokens) tokens",
            remedy: Self.another)
    }

    /// A merge is not two pieces with a space between them.
    static func malformedMerge(_ index: Int, _ merge: String) -> TokenizerError {
        TokenizerError(
            .malformedMerge,
            "merge \(index) of the model's tokenizer, \"\(shortened(merge))\", is not two pieces and a space",
            remedy: Self.another)
    }

    /// A SentencePiece vocabulary without usable scores cannot decide what to merge.
    static func unusableScores(_ reason: String) -> TokenizerError {
        TokenizerError(.unusableScores, "the model's token scores cannot be used: \(reason)", remedy: Self.another)
    }

    /// A special token is too long to be searched for in every text.
    static func specialTooLong(_ id: Int, bytes: Int) -> TokenizerError {
        TokenizerError(
            .specialTooLong,
            "special token \(id) of the model is \(bytes) bytes long, more than \(SpecialTokenMatcher.maximumLength)",
            remedy: Self.another)
    }

    /// A token is of a type that does not exist.
    static func unknownType(_ id: Int, _ type: Int32) -> TokenizerError {
        TokenizerError(
            .unknownType, "token \(id) of the model has the type \(type), and 1 to 6 are possible", remedy: Self.another
        )
    }

    static func shortened(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(48).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
