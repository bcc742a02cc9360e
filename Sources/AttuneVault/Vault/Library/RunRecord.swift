// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// One training run.
package struct RunRecord: Sendable, Equatable {
    /// Where a run stands.
    package enum State: String, Sendable, Codable, CaseIterable, DatabaseValueConvertible {
        /// A process works on it, or died doing so.
        case running
        /// Ended early with a checkpoint to resume from.
        case interrupted
        /// Did all its steps.
        case finished
        /// Ended by an error, which `detail` tells.
        case failed
        /// Ended early and kept as it was.
        case accepted
    }

    /// Four or more hexadecimal digits.
    package let id: RunID
    /// Name of the adapter it trains, as it was at the start.
    package let adapter: String
    package let state: State
    /// JSON of the training configuration.
    package let configuration: String
    /// BLAKE2b-256 of the base model's file.
    package let base: BaseID
    /// Digest of the training data.
    package let data: Digest256
    /// Steps done.
    package let step: Int
    /// Steps planned.
    package let steps: Int
    package let started: Date
    package let updated: Date
    /// Why it failed, or another remark.
    package let detail: String?
    /// The version it made.
    package let version: VersionID?
    /// Step of the checkpoint it can be resumed from; nil if there is none.
    package let checkpointStep: Int?
    package let isTrashed: Bool

    /// The same run in another state.
    package func inState(_ state: State) -> RunRecord {
        RunRecord(
            id: id, adapter: adapter, state: state, configuration: configuration, base: base, data: data, step: step,
            steps: steps, started: started, updated: updated, detail: detail, version: version,
            checkpointStep: checkpointStep, isTrashed: isTrashed)
    }
}

/// Holds what one step or one validation of a run measured.
package struct RunPoint: Sendable, Equatable {
    /// Says which part of the data a point was measured on.
    package enum Kind: String, Sendable, Codable, CaseIterable, DatabaseValueConvertible {
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
