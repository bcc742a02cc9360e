// Attune
// SPDX-License-Identifier: Apache-2.0

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
    }

    /// Versions whose every byte was read.
    package var versions = 0
    /// Checkpoints whose every byte was read.
    package var checkpoints = 0
    /// Chunk files read.
    package var chunks = 0
    package var problems: [Problem] = []

    package var isWhole: Bool { problems.isEmpty }
}
