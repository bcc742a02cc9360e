// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What the operator of a relay does with its store.
package protocol RelayMaintenance: RelayStore {
    /// Keeps an invite token that one new circle can use.
    func addInvite(_ token: String) async throws

    /// Gives one circle another limit than the default; nil takes it back. False if there is no such circle.
    func setQuota(_ bytes: UInt64?, of circle: CircleID) async throws -> Bool

    /// Totals over all circles.
    func status() async throws -> RelayStatus

    /// Removes what was released longer ago than the grace, and uploads that no entry names.
    @discardableResult
    func collectGarbage() async throws -> GarbageReport

    /// Goes on with what changes have left to be done, as far as one turn of each circle goes.
    func workOff() async throws

    /// Counts again what circles have, and returns the sums that differ from what is there; bytes of chunks too.
    ///
    /// - Parameters:
    ///   - mends: whether to put the right sums in their place; chunks whose bytes are gone are not there then, and devices
    ///     that have them send them again.
    ///   - contents: whether to read every chunk too: one whose bytes are not those of its id is as one that is gone.
    func check(mends: Bool, contents: Bool) async throws -> [SumDifference]

    /// Has devices ask again about all chunks that they have: some may be gone without anybody's knowing.
    func renewChunkGeneration() async throws
}

extension RelayMaintenance {
    /// As `check(mends:contents:)`, without reading chunks.
    package func check(mends: Bool) async throws -> [SumDifference] { try await check(mends: mends, contents: false) }
}

/// A sum that is not what is there.
package struct SumDifference: Codable, Hashable, Sendable {
    package let circle: CircleID
    /// Such as `bytes`, or the id of a chunk or a device; `bytes of chunk` and an id for what its file has, and `content
    /// of chunk` where that is something else.
    package let sum: String
    package let counted: Int64
    package let there: Int64
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
    /// Circles that were deleted long enough ago.
    package var circles: UInt64 = 0

    package init() {}
}

/// What a store counts and waits for.
package struct RetentionRules: Hashable, Sendable {
    /// Bytes that a circle may have: chunks, entries, links and their rows; default 10 GiB.
    package var circleBytes: UInt64 = 10 << 30
    /// Seconds from a release to the removal; default 7 days.
    package var grace: Int64 = 7 * 86_400
    /// Seconds that an upload waits for an entry that names it; default 1 day.
    package var unnamedUploads: Int64 = 86_400
    /// Seconds that bytes stay which nothing counts, as after a loss of the database; default 30 days.
    package var unclaimedBytes: Int64 = 30 * 86_400
    /// Entries that one device of a circle may have, so that none takes the others' places; default 62,500.
    package var deviceEntries: UInt64 = 62_500
    /// Seconds from the deletion of a circle to its removal; default 30 days.
    package var undelete: Int64 = 30 * 86_400
    /// Seconds after which a link stays, whatever branch comes; default 30 days.
    package var branches: Int64 = 30 * 86_400
    /// Bytes that all circles may have together; no limit by default.
    package var totalBytes: UInt64?
    /// Bytes that stay free on the disk of a relay in a folder; default 256 MiB.
    package var freeBytes: UInt64 = 256 << 20

    package init() {}
}
