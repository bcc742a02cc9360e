// Attune
// SPDX-License-Identifier: Apache-2.0

/// One row as the model sees it: token ids, and which of them are learned.
package struct Example: Sendable {
    /// Token ids, in order.
    package let tokens: [Int32]
    /// As many as `tokens`: token i counts as a target where its place in a block has a token before it.
    package let trained: [Bool]
    package let source: DataSource

    package init(tokens: [Int32], trained: [Bool], source: DataSource) {
        precondition(tokens.count == trained.count)
        self.tokens = tokens
        self.trained = trained
        self.source = source
    }

    /// Count of tokens that are predicted and learned when the example stands alone: the first is never a target.
    package var targetCount: Int { trained.dropFirst().count { $0 } }
}
