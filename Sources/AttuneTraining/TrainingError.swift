// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong in data, plans and training runs.
package enum TrainingFailure: String, FailureKind {
    case dataNotFound = "E-DATA-001"
    case noData = "E-DATA-002"
    case otherType = "E-DATA-003"
    case tooMuchData = "E-DATA-004"
    case badData = "E-DATA-005"
    case setting = "E-TRAIN-001"
    case nothingToLearn = "E-TRAIN-002"
    case checkpoint = "E-TRAIN-003"
    case changed = "E-TRAIN-004"
    case doesNotFit = "E-TRAIN-005"
    case diverged = "E-TRAIN-006"
    case token = "E-TRAIN-007"
    case otherBase = "E-TRAIN-008"

    package var summary: FailureSummary {
        switch self {
        case .dataNotFound: FailureSummary(.notFound, "the data is not there or cannot be opened")
        case .noData: FailureSummary(.invalidData, "there is nothing to train on")
        case .otherType: FailureSummary(.invalidData, "a file that was named is not .md, .txt or .jsonl")
        case .tooMuchData: FailureSummary(.invalidData, "there is more data than the limit")
        case .badData: FailureSummary(.invalidData, "files or lines are wrong, as listed")
        case .setting: FailureSummary(.usage, "a setting cannot be")
        case .nothingToLearn: FailureSummary(.invalidData, "the data has no token to learn from")
        case .checkpoint: FailureSummary(.invalidData, "the saved state of a run cannot be read")
        case .changed: FailureSummary(.conflict, "a run would go on with something that changed")
        case .doesNotFit: FailureSummary(.doesNotFit, "training does not fit into memory")
        case .diverged: FailureSummary(.failure, "the loss stopped being a number; the last good state was kept")
        case .token: FailureSummary(.invalidData, "a token lies outside the vocabulary")
        case .otherBase: FailureSummary(.conflict, "the adapter to start from belongs to another base")
        }
    }
}

/// What can go wrong in data, plans and training runs.
package typealias TrainingError = Failure<TrainingFailure>
