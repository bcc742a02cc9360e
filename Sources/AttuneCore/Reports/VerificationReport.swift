// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a check of everything stored found.
package struct VerificationReport: Sendable, Equatable {
    /// One thing that is not as it was stored.
    package struct Problem: Sendable, Equatable {
        /// Stable code, as errors have.
        package let code: String
        /// Such as `notes@3` or `database`.
        package let subject: String
        /// What is wrong, one sentence without a final full stop.
        package let message: String

        package init(code: String, subject: String, message: String) {
            self.code = code
            self.subject = subject
            self.message = message
        }
    }

    /// Versions whose every byte was read.
    package var versions = 0
    /// Checkpoints whose every byte was read.
    package var checkpoints = 0
    /// Chunk files read.
    package var chunks = 0
    package var problems: [Problem] = []

    package init() {}

    package var isWhole: Bool { problems.isEmpty }
}

/// What a check of a backup found.
package struct BackupVerification: Sendable, Equatable {
    /// The numbers of the states, oldest first, and those of them that are whole.
    package var states: [Int] = []
    package var wholeStates: [Int] = []
    /// When the newest whole state was made.
    package var made: Date?
    /// Distinct chunks that were read.
    package var chunks = 0
    /// Versions of the newest state whose every byte was read.
    package var versions = 0
    package var problems: [VerificationReport.Problem] = []

    package init() {}
}
