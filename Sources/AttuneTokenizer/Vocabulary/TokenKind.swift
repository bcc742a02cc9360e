// Attune
// SPDX-License-Identifier: Apache-2.0

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
