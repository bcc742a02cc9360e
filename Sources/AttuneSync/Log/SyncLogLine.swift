// Attune
// SPDX-License-Identifier: Apache-2.0

/// One line of `attune sync log`.
package struct SyncLogLine: Hashable, Sendable {
    package enum Level: String, Hashable, Sendable {
        case info, warning, alarm
    }

    package let level: Level
    /// The remote it is about.
    package let remote: String
    /// One sentence for a person; names no document, prompt or adapter.
    package let text: String

    package init(level: Level, remote: String, text: String) {
        self.level = level
        self.remote = remote
        self.text = text
    }
}
