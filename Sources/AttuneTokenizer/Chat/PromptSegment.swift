// Attune
// SPDX-License-Identifier: Apache-2.0

/// A part of a prompt, which is encoded as one text with its neighbours.
package enum PromptSegment: Hashable, Sendable {
    /// Text of the template: the spellings of control tokens in it are those tokens.
    case markup(String)
    /// Text of a person, a document or the model: it never yields a control token.
    case content(String)

    /// The text of the segment, whatever its kind.
    package var text: String {
        switch self {
        case .markup(let text), .content(let text): text
        }
    }
}
