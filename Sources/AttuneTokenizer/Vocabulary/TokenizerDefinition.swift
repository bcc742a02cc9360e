// Attune
// SPDX-License-Identifier: Apache-2.0

/// What a model file says about its tokenizer, as read from the `tokenizer.ggml.*` keys.
package struct TokenizerDefinition: Sendable {
    /// `gpt2` for byte-level BPE, `llama` for SentencePiece.
    package var model: String
    /// The pre-tokenizer, such as `smollm`; nil if the file has none.
    package var pre: String?
    /// Spelling of each id; bytes, since a file may hold anything.
    package var tokens: [String]
    /// 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; empty means all normal.
    package var types: [Int32]
    package var scores: [Float]
    /// `left right`, best first.
    package var merges: [String]
    package var bos: Int32?
    package var eos: Int32?
    package var eot: Int32?
    package var eom: Int32?
    package var unknown: Int32?
    package var padding: Int32?
    /// nil if the file does not say: the default depends on the model.
    package var addsBOS: Bool?
    package var addsEOS: Bool?
    package var addsSpacePrefix: Bool?
    package var chatTemplate: String?

    package init(model: String, tokens: [String]) {
        self.model = model
        self.tokens = tokens
        types = []
        scores = []
        merges = []
    }
}

/// What a token is for, with the numbers of `tokenizer.ggml.token_type`.
enum TokenKind: Int32, Sendable {
    case normal = 1
    case unknown = 2
    case control = 3
    case userDefined = 4
    case unused = 5
    case byte = 6

    /// Whether the token never stands for text.
    var isControl: Bool { self == .control || self == .unknown }
}
