// Attune
// SPDX-License-Identifier: Apache-2.0

/// What one step or one validation of a run measured.
package struct RunPoint: Sendable, Equatable {
    /// Which part of the data a point was measured on.
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case train
        case validation
    }

    package var kind: Kind
    package var step: Int
    /// Nats per token; a value that is not a number is kept as nil.
    package var loss: Double?
    /// Learning rate.
    package var rate: Double?
    package var gradientNorm: Double?
    /// Tokens seen since the start of the run.
    package var tokens: Int
    package var tokensPerSecond: Double?

    package init(
        kind: Kind, step: Int, loss: Double?, rate: Double? = nil, gradientNorm: Double? = nil, tokens: Int = 0,
        tokensPerSecond: Double? = nil
    ) {
        self.kind = kind
        self.step = step
        self.loss = loss
        self.rate = rate
        self.gradientNorm = gradientNorm
        self.tokens = tokens
        self.tokensPerSecond = tokensPerSecond
    }
}
