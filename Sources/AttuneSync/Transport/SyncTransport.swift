// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// A remote, as the session asks it. Every call throws a `RemoteFailure`, or `CancellationError`.
package protocol SyncTransport: Sendable {
    /// The remote's name for marks and evidence: the address of a relay, or `device ` and an id.
    var remote: String { get }
    /// The remote's name for people: the address of a relay, or `device ` and what it is called.
    var remoteName: String { get }

    func frontier() async throws -> RemoteFrontier
    /// A page of links, and whether more follow.
    func links(after seq: UInt64) async throws -> (links: [[UInt8]], more: Bool)
    /// All links from the first one on.
    func allLinks() async throws -> [[UInt8]]
    func push(links: [[UInt8]], previous: LinkHash) async throws
    /// - Parameter parting: the link after which the branch takes the place of what is there.
    func push(branch: [[UInt8]], parting: LinkHash) async throws
    func entries(of device: DeviceID, after seq: UInt64, limit: Int) async throws -> (entries: [[UInt8]], more: Bool)
    func push(entries: [[UInt8]]) async throws -> [ProtoPushOutcome]
    /// - Parameter ifNamed: only such as entries there name that were not released.
    func missingChunks(among ids: [ChunkID], ifNamed: Bool) async throws -> [ChunkID]
    /// - Parameter bytes: exactly 1,048,576.
    func upload(_ id: ChunkID, bytes: [UInt8]) async throws
    /// The bytes as they came, exactly 1,048,576 of them; not compared with the id.
    func download(_ id: ChunkID) async throws -> [UInt8]
    /// Returns when the remote has other links or entries than `known`, or after about a minute.
    func news(after known: RemoteCounters?) async throws -> RemoteCounters
    /// Signs with a clock that differs from this machine's by so many milliseconds.
    func adjustClock(_ offset: Int64)
    /// Bytes that went each way since the start.
    var traffic: (sent: Int, received: Int) { get }
}

/// How many links and entries a remote has; only a change of them means anything.
package struct RemoteCounters: Hashable, Sendable {
    package var links: UInt64
    package var entries: UInt64

    package init(links: UInt64, entries: UInt64) {
        self.links = links
        self.entries = entries
    }
}
