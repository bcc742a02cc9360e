// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneRelay
import AttuneTestSupport
import AttuneWire
import Foundation
import Synchronization
import Testing

/// What one circle does at its worst, and what another one has of it.
@Suite("A hostile circle at a relay", .serialized) struct HostileCircleTests {
    /// Times of another circle's pushes, one after the other, until `attack` has ended; the longest last.
    private func pushes(
        of other: RelayFixture, during attack: @escaping @Sendable () async throws -> Void
    ) async throws -> [Duration] {
        let attacking = Task { try await attack() }
        let over = Over()
        let watching = Task {
            _ = await attacking.result
            over.set()
        }
        var times: [Duration] = []
        var last: Entry?
        while !over.isSet || times.count < 10 {
            let entry = try other.circle.entry(by: other.founder, after: last)
            let start = ContinuousClock.now
            let outcomes = try await other.client.outcomes([entry])
            #expect(outcomes == [.new])
            times.append(ContinuousClock.now - start)
            last = entry
        }
        await watching.value
        try await attacking.value
        return times.sorted()
    }

    /// Whether an attack has ended.
    private final class Over: Sendable {
        private let state = Mutex(false)
        var isSet: Bool { state.withLock { $0 } }
        func set() { state.withLock { $0 = true } }
    }

    /// An entry that names as many chunks as one may, none of which are there.
    private func largeEntry(_ fixture: RelayFixture, after last: Entry?, chunks: Int = WireLimits.chunks) throws
        -> Entry
    {
        let ids = (0..<chunks).map { _ in ChunkID.random() }
        return try fixture.circle.entry(by: fixture.founder, after: last, chunks: ids)
    }

    @Test("releases of thousands of chunks, 128 in a push, hold up no other circle, nor does a restart with them")
    func releases() async throws {
        let first = try RelayProcess()
        let other = try await RelayFixture(first)
        let hostile = try await RelayFixture(first)
        var log: [Entry] = []
        for _ in 0..<4 { log.append(try largeEntry(hostile, after: log.last)) }
        let large = log
        let filling = try await pushes(of: other) {
            for entry in large {
                let outcomes = try await hostile.client.outcomes([entry])
                #expect(outcomes == [.new])
            }
        }
        // Every release names all of them, and a thousand entries that there never were.
        let unknown = (0..<200).map { _ in EntryHash.random() }
        var releases: [Entry] = []
        for _ in 0..<100 {
            releases.append(
                try hostile.circle.entry(
                    by: hostile.founder, after: releases.last ?? log.last, releasing: large.map(\.hash) + unknown))
        }
        let flood = releases
        let releasing = try await pushes(of: try await RelayFixture(first)) {
            let outcomes = try await hostile.client.outcomes(flood)
            #expect(outcomes.allSatisfy { $0 == .new })
        }
        #expect(try first.stop() == .exit(0))
        let second = try RelayProcess(folder: first.folder)
        var again = other
        again.client = RelayClient(second, device: other.founder, circle: other.circle.id)
        let twin = again
        let restarted = try await pushes(of: try await RelayFixture(second)) {
            try await Task.sleep(for: .seconds(2))
            let frontier = try await twin.client.frontier()
            #expect(frontier.linkSeq == 1)
        }
        for (name, times) in [("filling", filling), ("releasing", releasing), ("restarted", restarted)] {
            let (middle, longest) = (times[times.count / 2], times[times.count - 1])
            print("\(name): \(times.count) pushes, median \(middle), longest \(longest)")
        }
        #expect(try second.stop() == .exit(0))
        let check = try await SQLRelayStore(folder: first.folder).check(mends: false)
        #expect(check.isEmpty, "\(check)")
    }

    @Test("links count for the room, but one that shuts a device out always has some; a long chain comes in pages")
    func links() async throws {
        var fixture = try await RelayFixture(options: ["--circle-bytes", "7000000"])
        var devices: [SyntheticDevice] = []
        for _ in 0..<40 { devices.append(try await fixture.add()) }
        var statuses: [Int] = []
        while statuses.last ?? 201 == 201, statuses.count < 400 {
            let before = fixture.circle
            let link = try fixture.circle.beginEpoch(by: devices[0])
            let answer = try await fixture.client(of: devices[0]).append([link], after: before.chain.head)
            statuses.append(answer.status)
            guard answer.status != 201 else { continue }
            fixture.circle = before
            #expect(answer.code == "E-RELAY-014")
        }
        #expect(statuses.last == 507)
        let full = try await fixture.client.frontier()
        #expect(full.bytesUsed > 6_900_000)
        #expect(full.bytesUsed <= 7_000_000)

        // Page by page, and no page is much more than 4 MiB.
        var links: [Link] = []
        var pages = 0
        while true {
            let answer = try await fixture.client.send("GET", fixture.client.home + "/links?after=\(links.count)")
            #expect(answer.body.count < (4 << 20) + (1 << 16))
            let page = try answer.message(ProtoLinks.self)
            links += try page.links.map { try Link($0) }
            pages += 1
            guard page.more else { break }
        }
        #expect(pages == 2)
        #expect(links == fixture.circle.links)
        let json = try await fixture.client.send(
            "GET", fixture.client.home + "/links?limit=2", fields: [("Accept", "application/json")])
        #expect(json.field("Content-Type") == "application/json")
        #expect(String(decoding: json.body, as: UTF8.self).contains("\"more\":true"))

        // The device that filled the circle goes all the same, and sees no further than that.
        let before = fixture.circle.chain.head
        let removal = try fixture.circle.revoke(devices[0], by: fixture.founder)
        #expect(try await fixture.client.append([removal], after: before).status == 201)
        let gone = fixture.client(of: devices[0])
        var seen: UInt64 = 0
        for _ in 0..<9 {
            let page = try await gone.links("?after=\(seen)")
            seen = try page.links.last.map { try Link($0).seq } ?? seen
            guard page.more else { break }
        }
        #expect(seen == removal.seq)
        #expect(try await gone.links("?after=\(seen)").links.isEmpty)
    }

    @Test("readers that do not read a long chain take little memory, and others still read theirs")
    func silentReaders() async throws {
        var fixture = try await RelayFixture()
        for _ in 0..<40 { _ = try await fixture.add() }
        for _ in 0..<90 {
            let before = fixture.circle.chain.head
            let link = try fixture.circle.beginEpoch(by: fixture.founder)
            #expect(try await fixture.client.append([link], after: before).status == 201)
        }
        let other = try await RelayFixture(fixture.relay)
        let before = try fixture.relay.residentBytes()
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        for _ in 0..<100 {
            let request = try fixture.client.request("GET", fixture.client.home + "/links")
            let fields = request.headers.map { "\($0.name): \($0.value)\r\n" }.joined()
            let text =
                "GET \(fixture.client.home)/links HTTP/1.1\r\nHost: 127.0.0.1:\(fixture.relay.port)\r\n\(fields)\r\n"
            // A device has only so many connections.
            guard let socket = try? RawConnection(port: fixture.relay.port).opened(blocking: true) else { continue }
            sockets.append(socket)
            _ = text.withCString { send(socket, $0, text.utf8.count, Int32(MSG_NOSIGNAL)) }
        }
        try await Task.sleep(for: .seconds(2))
        let grown = try fixture.relay.residentBytes() - before
        print("100 readers that do not read: \(grown >> 20) MiB more")
        #expect(grown < 150 << 20)
        #expect(try await other.client.links().links.count == 1)
    }

    @Test("what a device that was shut out wrote beyond its last entry that counts goes, and so does what it released")
    func flood() async throws {
        var fixture = try await RelayFixture(options: ["--device-entries", "40"])
        let thief = try await fixture.add()
        let client = fixture.client(of: thief)
        let (own, stolen) = (SyntheticCircle.chunk(), SyntheticCircle.chunk())
        #expect(try await fixture.client.put(own).status == 201)
        let version = try fixture.circle.entry(by: fixture.founder, chunks: [own.id])
        #expect(try await fixture.client.outcomes([version]) == [.new])
        var log: [Entry] = []
        for _ in 0..<3 { log.append(try fixture.circle.entry(by: thief, after: log.last)) }
        #expect(try await client.outcomes(log) == [.new, .new, .new])
        let before = try await fixture.client.frontier()

        // The paper device's request has no daily share: the worst that a device can do with the words.
        log.append(try fixture.circle.entry(by: thief, after: log.last, releasing: [version.hash]))
        let paper = fixture.client(of: fixture.paper)
        #expect(try await paper.outcomes([log[3]]) == [.new])
        #expect(try await client.put(stolen).status == 201)
        log.append(
            try fixture.circle.entry(
                by: thief, after: log.last,
                chunks: [stolen.id] + (0..<900).map { _ in ChunkID.random() }))
        while log.count < 60 { log.append(try fixture.circle.entry(by: thief, after: log.last)) }
        let outcomes = try await client.outcomes(Array(log[4...]))
        #expect(outcomes.prefix(36).allSatisfy { $0 == .new })
        #expect(outcomes[36] == .full)
        #expect(outcomes[37...].allSatisfy { $0 == .gap || $0 == .full })
        // Nobody else's places are taken.
        let second = try fixture.circle.entry(by: fixture.founder, after: version)
        #expect(try await fixture.client.outcomes([second]) == [.new])

        let head = fixture.circle.chain.head
        let removal = try fixture.circle.revoke(thief, by: fixture.founder, last: log[2], second: fixture.paper)
        #expect(try await fixture.client.append([removal], after: head).status == 201)
        let after = try await fixture.client.frontier()
        let left = after.heads.first { $0.device == Data(thief.id.bytes) }
        #expect(left?.seq == 3)
        #expect(left?.entry == Data(log[2].hash.bytes))
        let kept = try await fixture.client.entries("?device=\(thief.id)")
        #expect(kept.entries == log[..<3].map { Data($0.bytes) })
        // All that is more than before is the removal, the second entry, and the chunk that goes with the collection.
        let more = UInt64(removal.bytes.count + second.bytes.count + WireLimits.chunkBytes + 400)
        #expect(after.bytesUsed == before.bytesUsed + more)
        #expect(try fixture.relay.stop() == .exit(0))

        let clock = StoreConformance.TestClock(Int64(Date().timeIntervalSince1970))
        let store = try SQLRelayStore(folder: fixture.relay.folder, now: { clock.now })
        #expect(try await store.collectGarbage().chunks == 1)
        clock.pass(30 * 86_400)
        #expect(try await store.collectGarbage().chunks == 0)
        #expect(try await store.missing([own.id, stolen.id], in: fixture.circle.id) == [stolen.id])
        #expect(try await store.check(mends: false).isEmpty)
    }

    @Test("a relay has no more than its operator lets all circles have")
    func total() async throws {
        let relay = try RelayProcess(options: ["--total-bytes", "3000000"])
        var statuses: [Int] = []
        for _ in 0..<4 {
            let fixture = try await RelayFixture(relay)
            statuses.append(try await fixture.client.put(SyntheticCircle.chunk()).status)
            guard statuses.last == 201 else { break }
        }
        #expect(statuses == [201, 201, 507])
        let full = try RelayProcess(options: ["--free-bytes", "\(Int64.max)"])
        let founder = SyntheticDevice()
        let circle = try SyntheticCircle(founder: founder, paper: SyntheticDevice(paper: true))
        let answer = try await RelayClient(full, device: founder).create(circle.links[0])
        #expect(answer.status == 507)
        #expect(answer.code == "E-RELAY-032")
    }
}

extension RelayProcess {
    /// Bytes that the process has in memory.
    func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process.id)/statm", encoding: .utf8)
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
    }
}
