// Attune
// SPDX-License-Identifier: Apache-2.0

/// What can go wrong with a file that is mapped.
package enum FileFailure: String, FailureKind {
    case cannotOpen = "E-FILE-001"
    case notAFile = "E-FILE-002"
    case changed = "E-FILE-004"

    package var summary: FailureSummary {
        switch self {
        case .cannotOpen: FailureSummary(.notFound, "a file that was given is not there or cannot be opened")
        case .notAFile: FailureSummary(.invalidData, "a file that was given is empty or not a regular file")
        case .changed: FailureSummary(.invalidData, "a file was changed or cut short while it was read")
        }
    }
}

/// What can go wrong with a file that is mapped.
package typealias FileError = Failure<FileFailure>
