// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What the operator of a relay does with its store.
package protocol RelayMaintenance: RelayStore {
    /// Keeps an invite token that one new circle can use.
    func addInvite(_ token: String) async throws

    /// Gives one circle another limit than the default; nil takes it back. False where there is no such circle.
    func setQuota(_ bytes: UInt64?, of circle: Digest256) async throws -> Bool

    /// Totals over all circles.
    func status() async throws -> RelayStatus

    /// Removes what was released longer ago than the grace, and uploads that no entry names.
    @discardableResult
    func collectGarbage() async throws -> GarbageReport
}

/// Totals of a relay.
package struct RelayStatus: Codable, Hashable, Sendable {
    package var circles: UInt64 = 0
    package var entries: UInt64 = 0
    package var chunks: UInt64 = 0
    /// Bytes of chunks and entries.
    package var bytes: UInt64 = 0
    /// Invites that were not used yet.
    package var invites: UInt64 = 0

    package init() {}
}

/// What a collection removed.
package struct GarbageReport: Codable, Hashable, Sendable {
    package var chunks: UInt64 = 0
    package var bytes: UInt64 = 0

    package init() {}
}

/// What a store counts and waits for.
package struct RetentionRules: Hashable, Sendable {
    /// Bytes of chunks and entries that a circle may have; default 10 GiB.
    package var circleBytes: UInt64 = 10 << 30
    /// Seconds from a release to the removal; default 7 days.
    package var grace: Int64 = 7 * 86_400
    /// Seconds that an upload waits for an entry that names it; default 1 day.
    package var unnamedUploads: Int64 = 86_400
    /// Entries that a circle may have; default a million.
    package var circleEntries: UInt64 = 1_000_000

    package init() {}
}
