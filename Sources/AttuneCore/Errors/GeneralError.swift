// Attune
// SPDX-License-Identifier: Apache-2.0

/// What any command can end with.
package enum GeneralFailure: String, FailureKind {
    case unnamed = "E-GENERAL-001"
    case interrupted = "E-GENERAL-002"
    case usage = "E-GENERAL-003"

    package var summary: FailureSummary {
        switch self {
        case .unnamed: FailureSummary(.failure, "a failure that has no code of its own")
        case .interrupted: FailureSummary(.interrupted, or: [.terminated], "a person ended the command")
        case .usage: FailureSummary(.usage, "what the command was given does not go together")
        }
    }
}

/// What any command can end with.
package typealias GeneralError = Failure<GeneralFailure>
