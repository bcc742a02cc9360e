// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import NIOCore

/// What a relay keeps: links, entries and chunks of circles, as bytes that it cannot read.
///
/// The server has verified every link and entry before a store sees it; a store keeps order, sizes and durability.
/// When a call that changes something returns, the change survives a loss of power. All calls may run at once.
/// A device that serves its own circle conforms over its vault; a relay over SQLite and files, or PostgreSQL.
package protocol RelayStore: Sendable {
    /// Keeps a new circle; false if it is there already.
    ///
    /// - Parameter invite: an invite token that is used up by this, or nil if none is needed.
    /// - Throws: `RelayError.inviteRequired` where the token is unknown or used.
    func createCircle(_ circle: CircleID, links: [StoredLink], invite: String?) async throws -> Bool

    /// Whether the operator gave out this invite token, used or not.
    func knowsInvite(_ token: String) async throws -> Bool

    /// The newest link, or nil if there is no such circle.
    func head(of circle: CircleID) async throws -> CircleHead?

    /// Links with a higher seq than `after`, in order: at most `limit`, and about 4 MiB.
    func links(of circle: CircleID, after: UInt64, limit: Int) async throws -> LinkPage

    /// Appends all of the links where the newest one is `after`; false, and no change, where it is another.
    ///
    /// - Parameter cutOffs: devices that the links shut out: what they wrote beyond goes, with its chunks and its room.
    /// - Throws: `RelayError.quota` where a link that shuts nobody out has no room.
    func appendLinks(
        _ links: [StoredLink], to circle: CircleID, after: LinkHash, cutOffs: [CutOff]
    ) async throws -> Bool

    /// Puts a branch in place of the links from its first number on, where the newest one is `newest`.
    ///
    /// - Parameter cutOffs: devices that are not in the circle by the branch, or only up to an entry: what they wrote beyond
    ///   goes, as with `appendLinks`.
    /// - Returns: false, and no change, where the newest link is another, where one of those that would go has been there for
    ///   too long, or where a store takes no branches.
    /// - Throws: `RelayError.quota` where a branch that shuts nobody out has no room.
    func replaceLinks(
        with branch: [StoredLink], of circle: CircleID, newest: LinkHash, cutOffs: [CutOff]
    ) async throws -> Bool

    /// Marks a circle, so that nobody but an undeletion reaches it and it goes after 30 days.
    ///
    /// - Returns: unix seconds at which it goes; as before where it was marked already.
    func deleteCircle(_ circle: CircleID) async throws -> Int64

    /// Takes the mark away.
    func undeleteCircle(_ circle: CircleID) async throws

    /// The newest entry of each device, and what the circle uses.
    func frontier(of circle: CircleID) async throws -> StoredFrontier

    /// Appends entries in order, each by itself; entries that release others free their chunks.
    ///
    /// - Parameter newest: the newest link that they were verified by.
    /// - Returns: nil where another link is the newest: it may have shut their author out.
    /// - Throws: `RelayError.quota` where there is no room; those before may be kept.
    func append(
        _ entries: [StoredEntry], to circle: CircleID, newest: LinkHash, release: ReleaseAllowance
    ) async throws -> [AppendOutcome]?

    /// Entries in a stable order, at most `limit` and one more where a fork would be cut.
    ///
    /// - Parameters:
    ///   - device: entries of this device with a seq above `after`; of all devices when nil.
    ///   - after: without a device, the count of entries that were read before, in order of arrival.
    func entries(of circle: CircleID, device: DeviceID?, after: UInt64, limit: Int) async throws -> EntryPage

    /// Those of `ids` that the circle does not have.
    ///
    /// - Parameter ifNamed: only such as entries name that were not released.
    func missing(_ ids: [ChunkID], in circle: CircleID, ifNamed: Bool) async throws -> [ChunkID]

    /// Bytes of a chunk, or nil if the circle does not have it.
    func chunkSize(_ id: ChunkID, in circle: CircleID) async throws -> Int?

    /// A chunk, or nil if the circle does not have it.
    func chunk(_ id: ChunkID, in circle: CircleID) async throws -> ByteBuffer?

    /// Keeps a chunk whose hash is `id`; false if it was there already.
    ///
    /// - Throws: `RelayError.quota` where the circle has no room, `RelayError.diskFull`.
    func putChunk(_ bytes: ByteBuffer, id: ChunkID, in circle: CircleID) async throws -> Bool

    /// Circles in which something changed, from the call on, whoever changed it; nil if it may be any circle.
    func changes() -> AsyncStream<CircleID?>

    /// - Throws: if the store cannot write.
    func check() async throws
}

extension RelayStore {
    /// Those of `ids` that the circle does not have, whether an entry names them or not.
    package func missing(_ ids: [ChunkID], in circle: CircleID) async throws -> [ChunkID] {
        try await missing(ids, in: circle, ifNamed: false)
    }

    /// Counts that only grow, for event streams.
    package func counters(of circle: CircleID) async throws -> RelayCounters {
        let frontier = try await frontier(of: circle)
        return RelayCounters(links: frontier.link.seq, entries: frontier.entries)
    }
}
