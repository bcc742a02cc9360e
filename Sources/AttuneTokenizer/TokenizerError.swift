// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can be wrong with the tokenizer that a model file describes.
package struct TokenizerError: AttuneError {
    package let code: String
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus
    package let cause: (any Error)?

    package init(
        code: String, message: String, remedy: String?, exitStatus: ExitStatus, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.exitStatus = exitStatus
        self.cause = cause
    }
}

extension TokenizerError {
    private static func invalid(_ code: String, _ message: String) -> TokenizerError {
        TokenizerError(
            code: code, message: message,
            remedy: "Get the base again with `attune base pull`, or add another one with `attune base add FILE`.",
            exitStatus: .invalidData)
    }

    /// The file names a kind of tokenizer that is neither byte-level BPE nor SentencePiece.
    static func unknownModel(_ model: String) -> TokenizerError {
        TokenizerError(
            code: "E-TOKEN-001",
            message: "the model's tokenizer is of kind \"\(shortened(model))\", and only gpt2 and llama can be read",
            remedy: "Add a base whose tokenizer.ggml.model is gpt2 or llama with `attune base add FILE`.",
            exitStatus: .invalidData)
    }

    /// The vocabulary is empty or larger than an id can count.
    static func vocabularySize(_ count: Int) -> TokenizerError {
        invalid("E-TOKEN-003", "the model's vocabulary has \(count) tokens, and 1 to \(Int(Int32.max)) are possible")
    }

    /// A list that goes with the tokens has another length.
    static func lengthMismatch(_ list: String, _ count: Int, tokens: Int) -> TokenizerError {
        invalid("E-TOKEN-004", "the model lists \(count) token \(list) for \(tokens) tokens")
    }

    /// A special id lies outside the vocabulary.
    static func idOutOfRange(_ name: String, _ id: Int32, tokens: Int) -> TokenizerError {
        invalid("E-TOKEN-005", "the model's \(name) token is \(id), and the vocabulary has only \(tokens) tokens")
    }

    /// A merge is not two pieces with a space between them.
    static func malformedMerge(_ index: Int, _ merge: String) -> TokenizerError {
        invalid(
            "E-TOKEN-006",
            "merge \(index) of the model's tokenizer, \"\(shortened(merge))\", is not two pieces and a space")
    }

    /// A SentencePiece vocabulary without usable scores cannot decide what to merge.
    static func unusableScores(_ reason: String) -> TokenizerError {
        invalid("E-TOKEN-007", "the model's token scores cannot be used: \(reason)")
    }

    /// A special token is too long to be searched for in every text.
    static func specialTooLong(_ id: Int, bytes: Int) -> TokenizerError {
        invalid(
            "E-TOKEN-008",
            "special token \(id) of the model is \(bytes) bytes long, more than \(SpecialTokenMatcher.maximumLength)")
    }

    /// A token is of a type that does not exist.
    static func unknownType(_ id: Int, _ type: Int32) -> TokenizerError {
        invalid("E-TOKEN-009", "token \(id) of the model has the type \(type), and 1 to 6 are possible")
    }

    static func shortened(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(48).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
