// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTokenizer

/// Exactly which tokens of one row are learned, for a screen to colour.
package struct Preview: Hashable, Sendable {
    /// Neighbouring tokens that are all learned or all given.
    package struct Run: Hashable, Sendable {
        /// The text of the run, control tokens spelled out; not escaped for a terminal.
        package let text: String
        package let isTrained: Bool
        package let tokens: [Token]
    }

    /// One token.
    package struct Token: Hashable, Sendable {
        package let id: Int32
        /// What the token spells; bytes that are no whole character show as `<0xE2>`.
        package let text: String
    }

    package let source: DataSource
    package let runs: [Run]
    /// Tokens of the whole row.
    package let tokenCount: Int
    /// Tokens of the whole row that are learned. The first of a row never is: nothing stands before it.
    package let trainedCount: Int
    /// Tokens beyond the limit, which are in no run.
    package let omittedCount: Int

    /// - Parameters:
    ///   - example: an encoded row.
    ///   - limit: most tokens to show.
    package init(_ example: Example, tokenizer: Tokenizer, limit: Int = .max) {
        let shown = min(max(limit, 0), example.tokens.count)
        var runs: [Run] = []
        var start = 0
        for index in 0..<shown where index + 1 == shown || Self.differs(example, index, index + 1) {
            let range = start..<index + 1
            let ids = example.tokens[range]
            runs.append(
                Run(
                    text: tokenizer.decode(Array(ids), keepSpecial: true),
                    isTrained: Self.isTrained(example, start),
                    tokens: ids.map { Token(id: $0, text: tokenizer.text(of: $0)) }))
            start = index + 1
        }
        source = example.source
        self.runs = runs
        tokenCount = example.tokens.count
        trainedCount = example.targetCount
        omittedCount = example.tokens.count - shown
    }

    private static func isTrained(_ example: Example, _ index: Int) -> Bool { index > 0 && example.trained[index] }

    private static func differs(_ example: Example, _ left: Int, _ right: Int) -> Bool {
        isTrained(example, left) != isTrained(example, right)
    }
}
