// Attune
// SPDX-License-Identifier: Apache-2.0

/// Whether the spellings of control tokens inside a text become those tokens.
package enum SpecialTokens: Sendable {
    /// `<|im_end|>` in the text is ten ordinary characters: what a person types cannot forge a turn.
    case refused
    /// `<|im_end|>` in the text is the token.
    case parsed
}
