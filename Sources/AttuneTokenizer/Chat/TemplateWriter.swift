// Attune
// SPDX-License-Identifier: Apache-2.0

/// Collects the pieces of a conversation and leaves out empty ones.
struct TemplateWriter {
    private(set) var pieces: [TemplatePiece] = []

    mutating func markup(_ text: String, trained: Bool = false) {
        guard !text.isEmpty else { return }
        pieces.append(TemplatePiece(.markup(text), trained: trained))
    }

    mutating func content(_ text: some StringProtocol, trained: Bool = false) {
        guard !text.isEmpty else { return }
        pieces.append(TemplatePiece(.content(String(text)), trained: trained))
    }
}

extension String {
    /// The text without white space at its ends.
    var trimmed: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }
}

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
