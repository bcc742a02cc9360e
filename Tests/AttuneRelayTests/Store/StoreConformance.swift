// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneRelay
import AttuneTestSupport
import AttuneWire
import NIOCore
import Synchronization
import Testing

/// What every store of a relay does alike.
struct StoreConformance {
    /// Seconds that a test moves.
    final class TestClock: Sendable {
        private let seconds: Mutex<Int64>
        init(_ start: Int64 = 1_700_000_000) { seconds = Mutex(start) }
        var now: Int64 { seconds.withLock { $0 } }
        func pass(_ count: Int64) { seconds.withLock { $0 += count } }
    }

    let store: any RelayMaintenance
    let clock: TestClock
    private let founder = SyntheticDevice()
    private let paper = SyntheticDevice(paper: true)
    private let circle: SyntheticCircle

    init(store: any RelayMaintenance, clock: TestClock) async throws {
        self.store = store
        self.clock = clock
        circle = try SyntheticCircle(founder: founder, paper: paper)
        #expect(try await store.createCircle(circle.id, links: [StoredLink(circle.links[0])], invite: nil))
    }

    /// What a row of its kind costs beside its bytes.
    enum Cost {
        static let link: UInt64 = 100
        static let entry: UInt64 = 200
        static let chunk: UInt64 = 100
        static let awaited: UInt64 = 4096
    }

    private func append(_ entry: Entry, _ allowance: ReleaseAllowance = .half) async throws -> AppendOutcome? {
        try await append([entry], allowance)?.first
    }

    private func append(_ entries: [Entry], _ allowance: ReleaseAllowance = .half) async throws -> [AppendOutcome]? {
        let head = try #require(try await store.head(of: circle.id))
        return try await store.append(
            entries.map { StoredEntry($0) }, to: circle.id, newest: head.link.hash, release: allowance)
    }

    private func used() async throws -> UInt64 { try await store.frontier(of: circle.id).bytesUsed }

    private func put(_ chunk: (id: ChunkID, bytes: [UInt8])) async throws -> Bool {
        try await store.putChunk(ByteBuffer(bytes: chunk.bytes), id: chunk.id, in: circle.id)
    }

    func circlesAndLinks() async throws {
        var circle = circle
        #expect(try await !store.createCircle(circle.id, links: [StoredLink(circle.links[0])], invite: nil))
        #expect(try await store.head(of: .random()) == nil)
        let link = StoredLink(try circle.add(SyntheticDevice(), by: founder))
        func append(after: LinkHash) async throws -> Bool {
            try await store.appendLinks([link], to: circle.id, after: after, cutOffs: [])
        }
        let before = try await used()
        #expect(try await !append(after: link.hash))
        #expect(try await append(after: circle.links[0].hash))
        #expect(try await !append(after: circle.links[0].hash))
        #expect(try await store.head(of: circle.id) == CircleHead(link: LinkPosition(seq: 2, hash: link.hash)))
        #expect(try await store.links(of: circle.id, after: 1, limit: 9) == LinkPage(links: [link], more: false))
        #expect(try await store.links(of: circle.id, after: 0, limit: 1).more)
        #expect(try await used() == before + UInt64(link.bytes.count) + Cost.link)
        #expect(try await store.counters(of: circle.id) == RelayCounters(links: 2, entries: 0))
    }

    func invites() async throws {
        try await store.addInvite("token")
        #expect(try await store.status().invites == 1)
        let other = try SyntheticCircle(founder: SyntheticDevice(), paper: SyntheticDevice(paper: true))
        let third = try SyntheticCircle(founder: SyntheticDevice(), paper: SyntheticDevice(paper: true))
        await #expect(throws: RelayError.self) {
            try await store.createCircle(other.id, links: [StoredLink(other.links[0])], invite: "other")
        }
        #expect(try await store.createCircle(other.id, links: [StoredLink(other.links[0])], invite: "token"))
        await #expect(throws: RelayError.self) {
            try await store.createCircle(third.id, links: [StoredLink(third.links[0])], invite: "token")
        }
    }

    func logs() async throws {
        var log: [Entry] = []
        for _ in 0..<6 { log.append(try circle.entry(by: founder, after: log.last)) }
        #expect(try await append(log[1]) == .gap)
        #expect(try await append(log)?.allSatisfy { $0 == .new } == true)
        #expect(try await append(log[3]) == .exists)
        let twin = try circle.entry(by: founder, after: log[1])
        #expect(try await append(twin) == .fork)
        #expect(try await append(try circle.entry(by: founder, after: log[1])) == .refused)
        // The other side of the fork goes on too.
        #expect(try await append(try circle.entry(by: founder, after: twin)) == .fork)
        let page = try await store.entries(of: circle.id, device: founder.id, after: 1, limit: 2)
        #expect(page.entries.prefix(3) == [log[1].bytes, log[2].bytes, twin.bytes])
        #expect(page.entries.count == 3)
        #expect(page.more)
        let rest = try await store.entries(of: circle.id, device: founder.id, after: 4, limit: 10)
        #expect(rest.entries == [log[4].bytes, log[5].bytes])
        #expect(!rest.more)
        #expect(
            try await store.entries(of: circle.id, device: nil, after: 0, limit: 3).entries == log[..<3].map(\.bytes))
        #expect(try await store.entries(of: circle.id, device: nil, after: 6, limit: 9).entries.count == 2)
        let frontier = try await store.frontier(of: circle.id)
        #expect(frontier.heads == [.init(device: founder.id, seq: 6, entry: log[5].hash)])
        #expect(frontier.entries == 8)
        #expect(frontier.bytesUsed > UInt64(7 * log[0].bytes.count))
    }

    func chunks() async throws {
        let (chunk, other) = (SyntheticCircle.chunk(), SyntheticCircle.chunk())
        let before = try await used()
        #expect(try await store.missing([chunk.id], in: circle.id) == [chunk.id])
        #expect(try await put(chunk))
        #expect(try await !put(chunk))
        #expect(try await store.missing([chunk.id, other.id], in: circle.id) == [other.id])
        #expect(try await store.chunkSize(chunk.id, in: circle.id) == WireLimits.chunkBytes)
        #expect(try await store.chunk(chunk.id, in: circle.id) == ByteBuffer(bytes: chunk.bytes))
        #expect(try await store.chunk(other.id, in: circle.id) == nil)
        #expect(try await used() == before + UInt64(WireLimits.chunkBytes) + Cost.chunk)
        #expect(try await store.setQuota(UInt64(WireLimits.chunkBytes), of: circle.id))
        await #expect(throws: RelayError.self) { _ = try await put(other) }
        #expect(try await store.setQuota(nil, of: circle.id))
        #expect(try await put(other))
    }

    func manyWritersOfOneChunk() async throws {
        let chunk = SyntheticCircle.chunk()
        let before = try await used()
        let new = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<12 { group.addTask { try await put(chunk) } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(new == 1)
        #expect(try await used() == before + UInt64(WireLimits.chunkBytes) + Cost.chunk)
    }

    func releaseAndCollection() async throws {
        let chunks = (0..<4).map { _ in SyntheticCircle.chunk() }
        for chunk in chunks { #expect(try await put(chunk)) }
        let first = try circle.entry(by: founder, chunks: [chunks[0].id, chunks[1].id])
        let second = try circle.entry(by: founder, after: first, chunks: [chunks[1].id, chunks[2].id])
        #expect(try await append(first) == .new)
        #expect(try await append(second) == .new)

        // The fourth was never named by an entry: it goes after a day, the others stay.
        clock.pass(86_401)
        #expect(try await store.collectGarbage().chunks == 1)
        #expect(try await store.missing(chunks.map(\.id), in: circle.id) == [chunks[3].id])

        // Both at once would be more than half; without the recovery words it is refused and changes nothing.
        let all = try circle.entry(by: founder, after: second, releasing: [first.hash, second.hash])
        #expect(try await append(all) == .releaseLimit)
        let one = try circle.entry(by: founder, after: second, releasing: [first.hash])
        #expect(try await append(one) == .new)
        clock.pass(6 * 86_400)
        #expect(try await store.collectGarbage().chunks == 0)
        clock.pass(86_401)
        // The chunk that the second version has too stays.
        #expect(try await store.collectGarbage().chunks == 1)
        #expect(try await store.missing(chunks.map(\.id), in: circle.id) == [chunks[0].id, chunks[3].id])
        #expect(try await store.chunk(chunks[0].id, in: circle.id) == nil)

        let rest = try circle.entry(by: founder, after: one, releasing: [second.hash])
        #expect(try await append(rest) == .releaseLimit)
        #expect(try await append(rest, .all) == .new)
        clock.pass(8 * 86_400)
        #expect(try await store.collectGarbage().chunks == 2)
        let status = try await store.status()
        #expect(status.chunks == 0)
    }

    func releaseInTime() async throws {
        let chunks = (0..<4).map { _ in SyntheticCircle.chunk() }
        for chunk in chunks { #expect(try await put(chunk)) }
        var log: [Entry] = []
        for chunk in chunks {
            log.append(try circle.entry(by: founder, after: log.last, chunks: [chunk.id]))
            #expect(try await append(log[log.count - 1]) == .new)
        }
        // More than a day's share: the log goes on, and what is due goes as days pass.
        let all = try circle.entry(
            by: founder, after: log[3], releasing: log.map(\.hash).sorted())
        #expect(try await append(all, .inTime) == .new)
        #expect(try await append(try circle.entry(by: founder, after: all)) == .new)
        #expect(try await store.collectGarbage().chunks == 0)
        clock.pass(8 * 86_400)
        #expect(try await store.collectGarbage().chunks == 2)
        clock.pass(8 * 86_400)
        #expect(try await store.collectGarbage().chunks == 1)
    }

    func deletion() async throws {
        let chunk = SyntheticCircle.chunk()
        #expect(try await put(chunk))
        #expect(try await append(try circle.entry(by: founder, chunks: [chunk.id])) == .new)
        let until = try await store.deleteCircle(circle.id)
        #expect(until == clock.now + 30 * 86_400)
        clock.pass(29 * 86_400)
        // Again is no more time, and nothing is gone.
        #expect(try await store.deleteCircle(circle.id) == until)
        #expect(try await store.head(of: circle.id)?.deletedUntil == until)
        #expect(try await store.collectGarbage().circles == 0)
        #expect(try await store.chunk(chunk.id, in: circle.id) == ByteBuffer(bytes: chunk.bytes))
        try await store.undeleteCircle(circle.id)
        clock.pass(29 * 86_400)
        #expect(try await store.collectGarbage().circles == 0)
        #expect(try await store.head(of: circle.id)?.deletedUntil == .some(nil))

        _ = try await store.deleteCircle(circle.id)
        clock.pass(30 * 86_400 + 1)
        #expect(try await store.collectGarbage().circles == 1)
        #expect(try await store.head(of: circle.id) == nil)
        await #expect(throws: RelayError.self) { _ = try await put(chunk) }
        let status = try await store.status()
        #expect(status.circles == 0)
        #expect(status.entries == 0)
        #expect(status.chunks == 0)
        #expect(status.bytes == 0)
        #expect(try await store.createCircle(circle.id, links: [StoredLink(circle.links[0])], invite: nil))
        #expect(try await store.missing([chunk.id], in: circle.id) == [chunk.id])
    }

    func changes() async throws {
        let stream = store.changes()
        #expect(try await append(try circle.entry(by: founder)) == .new)
        var iterator = stream.makeAsyncIterator()
        // A connection to the database that was made just now announces that anything may have changed.
        var change = await iterator.next()
        while change == .some(nil) { change = await iterator.next() }
        #expect(change == circle.id)
        try await store.check()
    }

    private func forkedLog() async throws {
        let chunk = SyntheticCircle.chunk(4096)
        #expect(try await put(chunk))
        var log: [Entry] = []
        while log.count < 600 { log.append(try circle.entry(by: founder, after: log.last)) }
        // The other half parts after the first entry, and again late; its entries name what nobody else does.
        var early: [Entry] = [log[0]]
        while early.count < 300 { early.append(try circle.entry(by: founder, after: early.last, chunks: [chunk.id])) }
        var late: [Entry] = [log[589]]
        while late.count < 20 { late.append(try circle.entry(by: founder, after: late.last, chunks: [chunk.id])) }
        for start in stride(from: 0, to: 600, by: 200) {
            let outcomes = try await append(Array(log[start..<start + 200]))
            #expect(outcomes?.allSatisfy { $0 == .new } == true)
        }
        #expect(try await append(Array(early.dropFirst()))?.allSatisfy { $0 == .fork } == true)
        #expect(try await append(Array(late.dropFirst()))?.contains(.refused) == false)
        let head = try #require(try await store.head(of: circle.id))
        var changed = circle
        let link = try changed.beginEpoch(by: founder)
        let last = log[599]
        #expect(
            try await store.appendLinks(
                [StoredLink(link)], to: circle.id, after: head.link.hash,
                cutOffs: [CutOff(device: founder.id, seq: 600, entry: last.hash)]))
        try await store.workOff()
        var kept: [[UInt8]] = []
        while true {
            let page = try await store.entries(
                of: circle.id, device: founder.id, after: UInt64(kept.count), limit: 256)
            kept += page.entries
            guard page.more, !page.entries.isEmpty else { break }
        }
        #expect(kept == log.map(\.bytes))
        #expect(try await store.check(mends: false).isEmpty)
        // Nobody names it any more.
        #expect(try await store.collectGarbage().chunks == 1)
    }

    /// The half that counts comes only after the link that says so.
    private func otherHalf() async throws {
        let other = SyntheticDevice()
        var counted = [try circle.entry(by: other)]
        var beside = counted
        while counted.count < 6 { counted.append(try circle.entry(by: other, after: counted.last)) }
        while beside.count < 4 { beside.append(try circle.entry(by: other, after: beside.last)) }
        #expect(try await append(beside)?.allSatisfy { $0 == .new } == true)
        let head = try #require(try await store.head(of: circle.id))
        let last = counted[5]
        var changed = circle
        let link = StoredLink(try changed.beginEpoch(by: founder))
        #expect(
            try await store.appendLinks(
                [link], to: circle.id, after: head.link.hash,
                cutOffs: [CutOff(device: other.id, seq: 6, entry: last.hash)]))
        try await store.workOff()
        #expect(try await append(Array(counted.dropLast())) == [.exists, .fork, .fork, .fork, .new])
        let newest = try #require(try await store.head(of: circle.id))
        let outcomes = try await store.append(
            [StoredEntry(last, isLast: true)], to: circle.id, newest: newest.link.hash, release: .inTime)
        #expect(outcomes == [.new])
        try await store.workOff()
        let page = try await store.entries(of: circle.id, device: other.id, after: 0, limit: 256)
        #expect(page.entries == counted.map(\.bytes))
        let frontier = try await store.frontier(of: circle.id)
        #expect(frontier.heads == [StoredFrontier.Head(device: other.id, seq: 6, entry: last.hash)])
        #expect(try await store.check(mends: false).isEmpty)
    }

    private func replace(
        with branch: [Link], newest: Link, cutOffs: [CutOff] = []
    ) async throws -> Bool {
        try await store.replaceLinks(
            with: branch.map { StoredLink($0) }, of: circle.id, newest: newest.hash, cutOffs: cutOffs)
    }

    /// A branch takes the place of a longer one, and what only that one's device wrote goes with its room.
    private func branches() async throws {
        let stranger = SyntheticDevice()
        var (lost, won) = (circle, circle)
        try lost.add(stranger, by: founder)
        while lost.links.count < 400 { try lost.beginEpoch(by: founder) }
        for _ in 0..<3 { try won.beginEpoch(by: founder) }
        let chunk = SyntheticCircle.chunk(4096)
        let kept = try circle.entry(by: founder)
        #expect(try await append(kept) == .new)
        let before = try await used()
        #expect(
            try await store.appendLinks(
                lost.links.dropFirst().map { StoredLink($0) }, to: circle.id, after: circle.links[0].hash, cutOffs: []))
        #expect(try await put(chunk))
        #expect(try await append(try lost.entry(by: stranger, chunks: [chunk.id])) == .new)
        let counters = try await store.counters(of: circle.id)

        let (branch, newest) = (Array(won.links.dropFirst()), lost.links[399])
        let cutOffs = [CutOff(device: stranger.id, seq: 0, entry: nil)]
        #expect(try await !replace(with: branch, newest: lost.links[398], cutOffs: cutOffs))
        #expect(try await replace(with: branch, newest: newest, cutOffs: cutOffs))
        try await store.workOff()
        #expect(try await store.head(of: circle.id)?.link == LinkPosition(seq: 4, hash: branch[2].hash))
        let page = try await store.links(of: circle.id, after: 0, limit: 500)
        #expect(page == LinkPage(links: won.links.map { StoredLink($0) }, more: false))
        let frontier = try await store.frontier(of: circle.id)
        #expect(frontier.heads == [.init(device: founder.id, seq: 1, entry: kept.hash)])
        #expect(try await store.counters(of: circle.id) != counters)
        #expect(try await store.check(mends: false).isEmpty)
        #expect(try await store.collectGarbage().chunks == 1)
        let room = branch.reduce(0) { $0 + UInt64($1.bytes.count) + Cost.link }
        #expect(try await used() == before + room)

        // Once more it is no branch, and the chain goes on where the other one had links.
        #expect(try await !replace(with: branch, newest: newest, cutOffs: cutOffs))
        let next = StoredLink(try won.beginEpoch(by: founder))
        #expect(try await store.appendLinks([next], to: circle.id, after: branch[2].hash, cutOffs: []))
        #expect(try await store.links(of: circle.id, after: 4, limit: 9).links == [next])
        #expect(try await store.check(mends: false).isEmpty)
    }

    /// What has been there for thirty days stays, and a branch needs room for what it has more.
    private func boundsOfBranches() async throws {
        let other = SyntheticDevice()
        var circle = circle
        try circle.add(other, by: founder)
        let parting = circle
        let late = try circle.beginEpoch(by: founder)
        let links = circle.links.dropFirst().map { StoredLink($0) }
        #expect(try await store.appendLinks([links[0]], to: circle.id, after: circle.links[0].hash, cutOffs: []))
        clock.pass(15 * 86_400)
        #expect(try await store.appendLinks([links[1]], to: circle.id, after: links[0].hash, cutOffs: []))
        clock.pass(16 * 86_400)
        var (early, rival, revoking) = (self.circle, parting, parting)
        let old = try early.beginEpoch(by: founder)
        #expect(try await !replace(with: [old], newest: late))
        #expect(try await store.head(of: circle.id)?.link.seq == 3)

        #expect(try await store.setQuota(1, of: circle.id))
        let (epoch, more) = (try rival.beginEpoch(by: other), try rival.beginEpoch(by: other))
        await #expect(throws: RelayError.self) { _ = try await replace(with: [epoch, more], newest: late) }
        let revocation = try revoking.revoke(other, by: founder, second: paper)
        #expect(try await replace(with: [revocation], newest: late))
        #expect(try await store.links(of: circle.id, after: 2, limit: 9).links.map(\.hash) == [revocation.hash])
        #expect(try await store.check(mends: false).isEmpty)
        // It has been here since now, whenever its place was first taken.
        clock.pass(29 * 86_400)
        #expect(try await store.setQuota(nil, of: circle.id))
        #expect(try await replace(with: [epoch], newest: revocation))
        clock.pass(30 * 86_400)
        #expect(try await !replace(with: [revocation], newest: epoch))
    }

    /// All of it, by name.
    static let all: [(name: String, run: @Sendable (StoreConformance) async throws -> Void)] = [
        ("circles and links", { try await $0.circlesAndLinks() }),
        ("invites", { try await $0.invites() }),
        ("logs", { try await $0.logs() }),
        ("chunks", { try await $0.chunks() }),
        ("many writers of one chunk", { try await $0.manyWritersOfOneChunk() }),
        ("release and collection", { try await $0.releaseAndCollection() }),
        ("release in time", { try await $0.releaseInTime() }),
        ("deletion", { try await $0.deletion() }),
        ("changes", { try await $0.changes() }),
        ("a forked log that is cut off", { try await $0.forkedLog() }),
        ("a forked log whose other half counts", { try await $0.otherHalf() }),
        ("a branch of the chain that counts", { try await $0.branches() }),
        ("bounds of branches", { try await $0.boundsOfBranches() }),
    ]
}
