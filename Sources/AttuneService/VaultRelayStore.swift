// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneRelay
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// This device's store as the sync API serves it to the other devices of its circle.
///
/// What they push is accepted by the same rules as what is pulled from a relay. All calls go through one thread.
package final class VaultRelayStore: RelayStore {
    private let workspace: Workspace
    private let vault: Vault
    private let store: VaultSyncStore
    private let keys: CircleKeys
    private let applier: EntryApplier
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let changed = ChangeWatchers()
    /// Whether a device of the circle has given back what this store may have lost, since it began to serve.
    private let isCompared = Atomic(false)
    /// The code of the last error that kept drafts from being published, which is said once.
    private let publishingProblem = Mutex<String?>(nil)

    /// - Throws: `CircleError` E-DEVICE-001.
    package init(_ workspace: Workspace) throws {
        self.workspace = workspace
        vault = workspace.vault
        keys = try CircleKeys(vault)
        store = try VaultSyncStore(vault)
        applier = try workspace.applier(store: store, keys: keys)
        vault.yieldLock()
        thread.start()
    }

    deinit { thread.shutdownGracefully { _ in } }

    private func run<Value: Sendable>(
        of circle: CircleID, _ body: @escaping @Sendable (VaultRelayStore) throws -> Value
    ) async throws -> Value {
        guard circle == store.circle else { throw RelayError.unknownCircle }
        return try await thread.runIfActive { [self] in
            // Other commands can use the store between two requests, however long this serves.
            defer { vault.yieldLock() }
            return try body(self)
        }
    }

    // MARK: Circles and links

    package func createCircle(_ circle: CircleID, links: [StoredLink], invite: String?) async throws -> Bool { false }

    package func knowsInvite(_ token: String) async throws -> Bool { false }

    package func deleteCircle(_ circle: CircleID) async throws -> Int64 { throw RelayError.unknownCircle }

    package func undeleteCircle(_ circle: CircleID) async throws { throw RelayError.unknownCircle }

    package func head(of circle: CircleID) async throws -> CircleHead? {
        guard circle == store.circle else { return nil }
        return try await run(of: circle) { CircleHead(link: try $0.head()) }
    }

    private func head() throws -> LinkPosition {
        let chain = try keys.current().circle.chain
        return LinkPosition(seq: chain.seq, hash: chain.head)
    }

    package func links(of circle: CircleID, after: UInt64, limit: Int) async throws -> LinkPage {
        try await run(of: circle) { own in
            var bytes = 0
            let links = try own.store.links(after: after, limit: limit + 1)
            let page = try links.prefix(limit).prefix { link in
                bytes += link.count
                return bytes <= max(LinkPage.byteLimit, link.count)
            }.map { StoredLink(try Link(parsing: $0)) }
            if !page.isEmpty, page.count == links.count {
                try own.store.note(linksTold: after + UInt64(page.count), toRelay: false)
            }
            return LinkPage(links: page, more: page.count < links.count)
        }
    }

    package func appendLinks(
        _ links: [StoredLink], to circle: CircleID, after: LinkHash, cutOffs: [CutOff]
    ) async throws -> Bool {
        let kept = try await run(of: circle) { own in
            let chain = try own.keys.current().circle.chain
            guard chain.head == after else { return false }
            try own.keys.keep(links.map { try Link(parsing: $0.bytes) }, after: chain)
            return true
        }
        if kept { changed.tell(circle) }
        return kept
    }

    /// Never here: a device takes a branch from whom it asks, not from whoever comes.
    package func replaceLinks(
        with branch: [StoredLink], of circle: CircleID, newest: LinkHash, cutOffs: [CutOff]
    ) async throws -> Bool { false }

    // MARK: Entries

    package func frontier(of circle: CircleID) async throws -> StoredFrontier {
        try await run(of: circle) { own in
            // What was made here gets its place once this log was compared with another device's.
            if own.isCompared.load(ordering: .relaxed) { try own.publishDrafts() }
            let heads = try own.store.heads().sorted { $0.key < $1.key }.map {
                StoredFrontier.Head(device: $0.key, seq: $0.value.seq, entry: $0.value.hash)
            }
            return StoredFrontier(
                heads: heads, link: try own.head(), entries: heads.reduce(0) { $0 &+ $1.seq }, bytesUsed: 0,
                bytesLimit: UInt64(Int64.max))
        }
    }

    /// Gives what was made on this device its places in its log.
    private func publishDrafts() throws {
        let circle = try keys.current().circle
        guard circle.own?.isActive == true else { return }
        do {
            try store.publishDrafts(chain: circle.chain, by: keys)
            publishingProblem.withLock { $0 = nil }
        } catch let error as SyncError {
            // The drafts wait; the other devices are served as ever.
            let isNew = publishingProblem.withLock { known in
                defer { known = error.code }
                return known != error.code
            }
            guard isNew else { return }
            try store.append(SyncLogLine(level: .alarm, remote: "direct", text: error.message))
        }
    }

    package func append(
        _ entries: [AttuneRelay.StoredEntry], to circle: CircleID, newest: LinkHash, release: ReleaseAllowance
    ) async throws -> [AppendOutcome]? {
        let outcomes = try await run(of: circle) { own in
            let chain = try own.keys.current().circle.chain
            let outcomes = try EntryReceiver.take(
                entries.map(\.bytes), from: "direct", chain: chain, into: own.store)
            try own.applier.apply()
            let taken = outcomes.count { $0 == .new }
            if taken > 0 {
                let heard = zip(entries, outcomes).filter { $0.1 == .new }.compactMap {
                    try? Entry(parsing: $0.0.bytes)
                }
                try DeviceContacts.note(Set(heard.map(\.device)), by: .direct, in: own.vault)
                try own.store.append(
                    SyncLogLine(
                        level: .info, remote: "direct", text: "\(Quantity.counted(taken, "change")) received"))
            }
            return outcomes
        }
        changed.tell(circle)
        return outcomes.map { outcome in
            switch outcome {
            case .new: .new
            case .exists: .exists
            case .gap: .gap
            case .fork: .fork
            default: .refused
            }
        }
    }

    package func entries(
        of circle: CircleID, device: DeviceID?, after: UInt64, limit: Int
    ) async throws -> EntryPage {
        try await run(of: circle) { own in
            // Devices ask for one log at a time; only that order is stable here.
            guard let device else { throw RelayError.oneDeviceOnly }
            let entries = try own.store.entries(of: device, after: after, limit: limit, byteLimit: 4 << 20)
            let last = try own.store.heads()[device]?.seq ?? 0
            return EntryPage(entries: entries, more: after &+ UInt64(entries.count) < last)
        }
    }

    // MARK: Chunks

    package func missing(_ ids: [ChunkID], in circle: CircleID, ifNamed: Bool) async throws -> [ChunkID] {
        try await run(of: circle) { own in
            // Who names no chunk asks for all that are wanted here, having pushed every entry that this log lacked.
            guard !ids.isEmpty else {
                own.isCompared.store(true, ordering: .relaxed)
                return try own.store.wantedChunks(limit: WireLimits.chunkIDsPerQuery)
            }
            return try own.store.missingChunks(among: ids)
        }
    }

    package func chunkSize(_ id: ChunkID, in circle: CircleID) async throws -> Int? {
        try await run(of: circle) { $0.vault.blobs.chunkSize(id) }
    }

    package func chunk(_ id: ChunkID, in circle: CircleID) async throws -> ByteBuffer? {
        try await run(of: circle) { own in
            guard let path = try own.store.chunkPath(id), let handle = FileHandle(forReadingAtPath: path) else {
                return nil
            }
            defer { try? handle.close() }
            guard let data = try handle.read(upToCount: WireLimits.chunkBytes + 1), WireLimits.isChunk(data.count)
            else { return nil }
            return ByteBuffer(bytes: data)
        }
    }

    package func putChunk(_ bytes: ByteBuffer, id: ChunkID, in circle: CircleID) async throws -> Bool {
        try await run(of: circle) { own in
            guard try own.store.chunkPath(id) == nil else { return false }
            guard try own.vault.blobs.wantsChunk(id) else { throw RelayError.unwantedChunk }
            if try own.vault.blobs.storeChunk(id, Array(bytes.readableBytesView)) {
                try own.workspace.inspectArrivals()
            }
            return true
        }
    }

    // MARK: News

    package func changes() -> AsyncStream<CircleID?> { changed.stream() }

    package func check() async throws {}
}
