// Attune
// SPDX-License-Identifier: Apache-2.0

/// A part of a rendered conversation.
package struct TemplatePiece: Hashable, Sendable {
    package let segment: PromptSegment
    /// Whether the model learns to write this: the text of an answer and the token that ends it.
    package let trained: Bool

    package init(_ segment: PromptSegment, trained: Bool = false) {
        self.segment = segment
        self.trained = trained
    }
}
