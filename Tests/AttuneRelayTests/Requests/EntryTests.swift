// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import Testing

@Suite("Entries at a relay") struct EntryTests {
    @Test("entries come back byte for byte, by device and all together, page by page")
    func roundTrip() async throws {
        var fixture = try await RelayFixture()
        let second = try await fixture.add()
        var mine: [Entry] = []
        for _ in 0..<7 { mine.append(try fixture.circle.entry(by: fixture.founder, after: mine.last)) }
        let theirs = [try fixture.circle.entry(by: second)]
        #expect(try await fixture.client.outcomes(mine) == Array(repeating: .new, count: 7))
        // Whoever is in the circle may pass on what another has signed.
        #expect(try await fixture.client.outcomes(theirs + mine) == [.new] + Array(repeating: .exists, count: 7))

        let page = try await fixture.client.entries("?device=\(fixture.founder.id)&after=2&limit=3")
        #expect(page.entries == mine[2..<5].map { Data($0.bytes) })
        #expect(page.more)
        let last = try await fixture.client.entries("?device=\(fixture.founder.id)&after=5")
        #expect(last.entries == mine[5...].map { Data($0.bytes) })
        #expect(!last.more)
        let all = try await fixture.client(of: second).entries("?after=6")
        #expect(all.entries == (mine[6...] + theirs).map { Data($0.bytes) })
        #expect(!all.more)
        let frontier = try await fixture.client.frontier()
        #expect(Set(frontier.heads.map(\.entry)) == [Data(mine[6].hash.bytes), Data(theirs[0].hash.bytes)])
    }

    @Test("a gap is refused, both sides of a fork are kept, a third is not")
    func gapsAndForks() async throws {
        let fixture = try await RelayFixture()
        let first = try fixture.circle.entry(by: fixture.founder)
        let second = try fixture.circle.entry(by: fixture.founder, after: first)
        let twin = try fixture.circle.entry(by: fixture.founder, after: first)
        let third = try fixture.circle.entry(by: fixture.founder, after: first)
        #expect(try await fixture.client.outcomes([second]) == [.gap])
        #expect(try await fixture.client.outcomes([first, second]) == [.new, .new])
        let fork = try await fixture.client.push([twin])
        #expect(fork.status == 409)
        #expect(try fork.message(ProtoPushResult.self).outcomes == [.fork])
        #expect(try await fixture.client.outcomes([third]) == [.refused])
        let page = try await fixture.client.entries("?device=\(fixture.founder.id)&limit=2")
        #expect(page.entries == [first, second, twin].map { Data($0.bytes) })
        #expect(!page.more)
    }

    @Test("an entry that nobody in the circle signed is refused, and one that is changed too")
    func strangers() async throws {
        let fixture = try await RelayFixture()
        let stranger = SyntheticDevice()
        let foreign = try fixture.circle.entry(by: stranger)
        let good = try fixture.circle.entry(by: fixture.founder)
        var bytes = good.bytes
        bytes[bytes.count - 1] ^= 1
        let changed = try Entry(parsing: bytes)
        #expect(try await fixture.client.outcomes([foreign, changed, good]) == [.refused, .refused, .new])
        #expect(try await fixture.client.entries().entries == [Data(good.bytes)])
    }

    @Test("too many entries and bodies that are no message are refused")
    func malformed() async throws {
        let fixture = try await RelayFixture()
        let entry = try fixture.circle.entry(by: fixture.founder)
        #expect(try await fixture.client.push(Array(repeating: entry, count: 257)).code == "E-RELAY-001")
        #expect(try await fixture.client.push([]).code == "E-RELAY-001")
        let path = fixture.client.home + "/entries"
        let garbage = try await fixture.client.send("POST", path, body: [0xff, 0xff, 0xff, 0xff, 0x7f])
        #expect(garbage.status == 400)
        let large = try await fixture.client.send("POST", path, body: Array(repeating: 0, count: (1 << 20) + 1))
        #expect(large.status == 413)
        #expect(large.field("Attune-Limit") == "1048576")
    }
}
