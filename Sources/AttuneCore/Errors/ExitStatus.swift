// Attune
// SPDX-License-Identifier: Apache-2.0

/// The exit codes of every Attune command; scripts rely on them, so a number never changes its meaning.
package enum ExitStatus: Int32, Sendable, CaseIterable {
    case success = 0
    case failure = 1
    case partial = 3
    case keyRequired = 4
    case notFound = 5
    case conflict = 6
    case doesNotFit = 7
    case invalidData = 8
    case noStore = 10
    case storeLocked = 11
    case wrongKey = 12
    case usage = 64
    case network = 75
    case interrupted = 130
    case terminated = 143
}
