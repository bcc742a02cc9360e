// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What is remembered about the training of an adapter version.
package struct TrainingSummary: Codable, Hashable, Sendable {
    package var documents: Int
    package var examples: Int
    /// Tokens of the training part, counted once.
    package var tokens: Int
    package var steps: Int
    package var epochs: Double
    package var seed: UInt64
    /// Validation loss before and after, nats per token; nil without validation data.
    package var lossBefore: Double?
    package var lossAfter: Double?
    /// Hexadecimal digest of the data as it was read.
    package var dataDigest: String
    package var runID: RunID?
    /// Seconds since 1970.
    package var created: Double

    package init(
        documents: Int, examples: Int, tokens: Int, steps: Int, epochs: Double, seed: UInt64, lossBefore: Double?,
        lossAfter: Double?, dataDigest: String, runID: RunID?, created: Double
    ) {
        self.documents = documents
        self.examples = examples
        self.tokens = tokens
        self.steps = steps
        self.epochs = epochs
        self.seed = seed
        self.lossBefore = lossBefore
        self.lossAfter = lossAfter
        self.dataDigest = dataDigest
        self.runID = runID
        self.created = created
    }
}
