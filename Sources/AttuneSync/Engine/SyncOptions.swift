// Attune
// SPDX-License-Identifier: Apache-2.0

/// How the engine goes about a run.
package struct SyncOptions: Sendable {
    /// Failures in a row after which a run gives up; nil to go on for ever.
    package var attempts: Int?
    /// True for a device that serves its circle: it is sent the entries first and then the chunks it asks for, while
    /// a relay keeps every chunk and has them before their entry.
    package var isDirect: Bool
    /// True to take links and entries, and leave everything else for another run.
    package var takesEntriesOnly: Bool
    /// Seed of the waiting times.
    package var seed: UInt64

    package init(
        attempts: Int? = 5, isDirect: Bool = false, takesEntriesOnly: Bool = false, seed: UInt64
    ) {
        self.attempts = attempts
        self.isDirect = isDirect
        self.takesEntriesOnly = takesEntriesOnly
        self.seed = seed
    }
}
