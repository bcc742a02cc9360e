// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import Synchronization
import Testing

@testable import AttuneRelay

@Suite("Fair shares of a relay") struct FairnessTests {
    private static func address(_ text: String) -> Payer { Payer(ClientAddress(text)) }
    private static func device(of circle: UInt8) -> Payer {
        Payer(SyntheticDevice().id, of: .filled(circle))
    }

    @Test("an IPv6 address counts as its /64 however it is written, and an IPv4 one within IPv6 as itself")
    func addresses() {
        for text in ["2001:db8::1", "2001:db8:0:0:1::", "2001:0db8:0:0:ffff:1:2:3"] {
            #expect(ClientAddress(text).bucket == "2001:db8:0:0", "\(text)")
            #expect(ClientAddress(text).network == "2001:db8:0", "\(text)")
        }
        #expect(ClientAddress("2001:db8:0:1::1").bucket != ClientAddress("2001:db8::1").bucket)
        #expect(ClientAddress("::ffff:10.2.3.4").bucket == "10.2.3.4")
        #expect(ClientAddress("10.2.3.4").network == "10.2")
        #expect(ClientAddress("127.0.0.9").isLocal)
        #expect(ClientAddress("::1").isLocal)
        #expect(ClientAddress("::ffff:127.0.0.1").isLocal)
        #expect(!ClientAddress("127.0.0.9", isPassedOn: true).isLocal)
        #expect(!ClientAddress("128.0.0.1").isLocal)
        #expect(ClientAddress("nonsense").bucket == "nonsense")
    }

    @Test("the oldest holding of whoever has most in the network that has most gives way, to who has less only")
    func giver() {
        var shares = FairShares(100)
        let first = shares.add(1, for: Self.address("10.1.0.1"))
        let second = shares.add(1, for: Self.address("10.1.0.2"))
        _ = shares.add(1, for: Self.address("10.1.0.2"))
        #expect(shares.giver(for: Self.address("10.2.0.1"), weight: 1) == second)
        #expect(shares.giver(for: Self.address("10.2.0.1"), weight: 3) == nil)
        // Within a network too, and to who has less only.
        #expect(shares.giver(for: Self.address("10.1.0.3"), weight: 1) == second)
        #expect(shares.giver(for: Self.address("10.1.0.3"), weight: 2) == nil)
        #expect(shares.giver(for: Self.address("10.1.0.1"), weight: 1) == nil)
        #expect(shares.giverOrOwn(for: Self.address("10.1.0.3"), weight: 1) == second)
        shares.remove(second)
        #expect(shares.giver(for: Self.address("10.2.0.1"), weight: 1) == first)
        shares.remove(second)
        #expect(shares.used == 2)
    }

    @Test("counts of shares stay those of what is there through ten thousand changes in any order")
    func counting() {
        var shares = FairShares(1000)
        var known: [Int: (payer: Payer, weight: Int)] = [:]
        let payers = (0..<40).map { Self.address("10.\($0 % 7).0.\($0)") }
        var random = SyntheticRandom(seed: 7)
        for _ in 0..<10_000 {
            switch random.next() % 3 {
            case 0:
                let payer = payers[Int(random.next() % 40)]
                let weight = Int(random.next() % 50)
                known[shares.add(weight, for: payer)] = (payer, weight)
            case 1:
                guard let number = known.keys.min() else { continue }
                known[number] = nil
                shares.remove(number)
            default:
                guard let number = known.keys.max(), let payer = known[number]?.payer else { continue }
                let weight = Int(random.next() % 50)
                known[number] = (payer, weight)
                shares.change(number, to: weight)
            }
        }
        #expect(shares.used == known.values.reduce(0) { $0 + $1.weight })
        #expect(shares.count == known.count)
        for payer in payers {
            #expect(shares.count(of: payer) == known.values.count { $0.payer == payer })
            #expect(
                shares.share(of: payer.group)
                    == known.values.filter { $0.payer.group == payer.group }.reduce(0) { $0 + $1.weight })
        }
    }

    @Test("who needs more than is left waits, whoever has least goes first, and bytes come back when they are let go")
    func waiting() async throws {
        let budget = ByteBudget(100)
        let (greedy, modest, third) = (Self.device(of: 1), Self.device(of: 2), Self.device(of: 3))
        let first = try await budget.take(50, for: greedy) {}
        let other = try await budget.take(50, for: modest) {}
        #expect(budget.used == 100)
        let waiting = Task {
            let share = try await budget.take(40, for: third) {}
            defer { share.end() }
            return budget.used
        }
        try await Task.sleep(for: .milliseconds(200))
        #expect(budget.used == 100, "the third waits")
        first.shrink(to: 10)
        #expect(try await waiting.value == 100)
        other.end()
        other.end()
        first.end()
        #expect(budget.used == 0)
    }

    @Test("only so many wait at once, and where more come those with most are turned away, not whoever has least")
    func crowd() async throws {
        let budget = ByteBudget(100, patience: .seconds(60))
        let crowds = [Self.address("10.1.0.1"), Self.address("10.2.0.1")]
        let held = [try await budget.take(50, for: crowds[0]) {}, try await budget.take(50, for: crowds[1]) {}]
        let waiting = ByteBudget.waitersLimit + 100
        let served = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<waiting {
                let payer = crowds[number % 2]
                group.addTask {
                    do {
                        try await budget.take(10, for: payer) {}.end()
                        return true
                    } catch is RelayError {
                        return false
                    }
                }
            }
            for _ in 0..<100 { #expect(try await group.next() == false) }
            // One with nothing waits before them all, and has its turn first.
            try await budget.take(10, for: Self.device(of: 1)) {}.end()
            for share in held { share.end() }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(served == waiting - 101)
        #expect(budget.used == 0)
    }

    @Test("who asks for little passes who asks for much, and as much as one wants goes from who has had it for long")
    func sizes() async throws {
        let budget = ByteBudget(100, patience: .seconds(60))
        let closed = Mutex(0)
        let held = try await [
            budget.take(50, for: Self.device(of: 1)) { closed.withLock { $0 += 1 } },
            budget.take(50, for: Self.device(of: 2)) { closed.withLock { $0 += 1 } },
        ]
        let start = ContinuousClock.now
        async let large = budget.take(50, for: Self.device(of: 3)) {}
        async let small = budget.take(5, for: Self.device(of: 4)) {}
        let little = try await small
        #expect(closed.withLock { $0 } == 1)
        little.end()
        // Room enough came with the first: the large one has it once nobody smaller waits.
        let much = try await large
        #expect(closed.withLock { $0 } == 1)
        let equal = try await budget.take(50, for: Self.device(of: 5)) {}
        #expect(closed.withLock { $0 } == 2)
        #expect(ContinuousClock.now - start >= .seconds(4), "not before it was held for long")
        for share in held + [much, equal] { share.end() }
        #expect(budget.used == 0)
    }

    @Test("one circle has half at most, and a share held for a second goes to somebody with less who waits")
    func pressure() async throws {
        let budget = ByteBudget(100, patience: .seconds(60))
        let (greedy, accomplice, modest) = (Self.device(of: 1), Self.device(of: 2), Self.device(of: 3))
        await #expect(throws: RelayError.self) { _ = try await budget.take(51, for: greedy) {} }
        let closed = Mutex(0)
        let held = try await [
            budget.take(50, for: greedy) { closed.withLock { $0 += 1 } },
            budget.take(50, for: accomplice) { closed.withLock { $0 += 1 } },
        ]
        let start = ContinuousClock.now
        let share = try await budget.take(2, for: modest) {}
        let waited = ContinuousClock.now - start
        #expect(waited > .milliseconds(800))
        if ProcessInfo.processInfo.environment["ATTUNE_STRICT_TIMES"] != nil { #expect(waited < .seconds(4)) }
        #expect(closed.withLock { $0 } == 1)
        withExtendedLifetime(held) {}
        share.end()
    }

    @Test("a device that holds all its circle may have gives way to the circle's others")
    func pressureInside() async throws {
        let budget = ByteBudget(100, patience: .seconds(60))
        let circle = CircleID.random()
        let (thief, owner) = (Payer(SyntheticDevice().id, of: circle), Payer(SyntheticDevice().id, of: circle))
        let closed = Mutex(0)
        let held = try await [
            budget.take(25, for: thief) { closed.withLock { $0 += 1 } },
            budget.take(25, for: thief) { closed.withLock { $0 += 1 } },
        ]
        let share = try await budget.take(2, for: owner) {}
        #expect(closed.withLock { $0 } == 1)
        withExtendedLifetime((held, share)) {}
    }

    @Test("who waits in vain hears that the relay has no room, and nothing stays taken")
    func impatience() async throws {
        let budget = ByteBudget(100, patience: .milliseconds(200))
        let held = try await [budget.take(50, for: Self.device(of: 1)) {}, budget.take(50, for: Self.device(of: 2)) {}]
        await #expect(throws: RelayError.self) { _ = try await budget.take(50, for: Self.device(of: 3)) {} }
        let waiting = Task { try await budget.take(50, for: Self.device(of: 4)) {} }
        waiting.cancel()
        await #expect(throws: RelayError.self) { _ = try await waiting.value }
        for share in held { share.end() }
        #expect(budget.used == 0)
    }

    @Test("networks have their turns to be let in, and of a crowd the newest of whoever has most wait no more")
    func arrivals() {
        var turns = ArrivalTurns<Int>(limit: 4)
        for number in 0..<4 { #expect(turns.add(number, of: "crowd") == nil) }
        #expect(turns.add(4, of: "crowd") == 4, "its own, and the newest")
        #expect(turns.add(10, of: "other") == 3)
        #expect(turns.add(20, of: "third") == 2)
        #expect(turns.add(11, of: "other") == 11, "of those with as many, the one who comes")
        #expect((0..<5).map { _ in turns.next() } == [0, 10, 20, 1, nil])
        #expect(turns.add(5, of: "crowd") == nil)
        #expect(turns.add(21, of: "third") == nil)
        #expect(turns.removeAll().sorted() == [5, 21])
        #expect(turns.next() == nil)
    }

    @Test("a crowd is let in so many at a time, and who comes from elsewhere passes it")
    func paced() async throws {
        // One each 10 ms.
        let relay = try RelayProcess(
            limits: true, options: ["--connections", "800", "--stranger-connections", "400", "--head-seconds", "60"])
        let start = ContinuousClock.now
        var crowd: [Int32] = []
        defer { for descriptor in crowd { close(descriptor) } }
        for _ in 0..<240 {
            crowd.append(try RawConnection(port: relay.port, source: "127.1.0.1").opened(blocking: true))
        }
        let last = try RawConnection(port: relay.port, source: "127.1.0.2").opened(blocking: true)
        crowd.append(last)
        let text = Array("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        #expect(send(last, text, text.count, 0) == text.count)
        #expect(try RawConnection(port: relay.port, source: "127.2.0.1").request("GET", "/healthz").status == 200)
        var byte: UInt8 = 0
        #expect(recv(last, &byte, 1, Int32(MSG_DONTWAIT)) == -1, "the crowd is not through yet")
        while recv(last, &byte, 1, Int32(MSG_DONTWAIT)) == -1, errno == EAGAIN {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(byte == UInt8(ascii: "H"), "it was let in and answered")
        #expect(ContinuousClock.now - start > .seconds(2))
    }

    @Test("strangers cannot keep a newcomer out, nor take the places of devices")
    func places() throws {
        var limits = RelayLimits()
        (limits.connections, limits.strangerConnections) = (20, 10)
        (limits.connectionsPerAddress, limits.strangerConnectionsPerAddress, limits.connectionsPerDevice) = (8, 4, 3)
        let places = ConnectionPlaces(limits)
        let closed = Mutex<[String]>([])
        func enter(_ address: String) -> ConnectionPlaces.Place? {
            places.enter(ClientAddress(address)) { closed.withLock { $0.append(address) } }
        }
        // An address gives its own oldest, beyond four.
        var held = (0..<5).compactMap { _ in enter("10.1.0.1") }
        #expect(held.count == 5)
        #expect(closed.withLock { $0 } == ["10.1.0.1"])
        // Others of its network take what is left; then its network gives way.
        held += (0..<6).compactMap { enter("10.1.0.\(10 + $0)") }
        #expect(places.count.strangers == 10)
        let newcomer = try #require(enter("10.2.0.1"))
        #expect(places.count.strangers == 10)
        #expect(closed.withLock { $0.count } == 2)
        #expect(closed.withLock { $0.last?.hasPrefix("10.1.") } == true)
        // A device has places of its own, as many as it may.
        let device = SyntheticDevice().id
        try newcomer.prove(device)
        try newcomer.prove(device)
        #expect(newcomer.isProven)
        #expect(places.count.strangers == 9)
        let more = (0..<3).compactMap { enter("10.3.0.\($0)") }
        for place in more.prefix(2) { try place.prove(device) }
        #expect(throws: RelayError.self) { try more[2].prove(device) }
        // However many strangers come, it keeps them.
        held += (0..<50).compactMap { enter("10.\($0 % 5 + 4).0.\($0)") }
        #expect(!closed.withLock { $0.contains("10.2.0.1") })
        #expect(places.count.strangers <= 10)
        for place in held + more + [newcomer] { place.leave() }
        #expect(places.count.all == 0)
        #expect(places.count.strangers == 0)
    }

    @Test("an address whose places are all those of devices gets no more")
    func fullAddress() throws {
        var limits = RelayLimits()
        (limits.connectionsPerAddress, limits.strangerConnectionsPerAddress) = (2, 2)
        let places = ConnectionPlaces(limits)
        let held = try (0..<2).map { _ in
            let place = try #require(places.enter(ClientAddress("10.1.0.1")) {})
            try place.prove(SyntheticDevice().id)
            return place
        }
        #expect(places.enter(ClientAddress("10.1.0.1")) {} == nil)
        #expect(places.enter(ClientAddress("10.1.0.2")) {} != nil)
        withExtendedLifetime(held) {}
    }

    @Test("whoever has a whole network looks through the mailboxes no faster than ten addresses do")
    func networkOfVisitors() {
        let visitors = MailboxVisitors(20)
        func admitted(_ addresses: [String]) -> Int {
            addresses.count { (try? visitors.admit(ClientAddress($0), to: "123", claim: nil)) != nil }
        }
        let hex = (0..<2000).map { String($0, radix: 16) }
        #expect((200...202).contains(admitted(hex.map { "2001:db8:5:\($0)::1" })))
        #expect((200...202).contains(admitted((0..<2000).map { "10.1.\($0 % 250).\($0 / 250)" })))
        // Another network has its own, and who holds a side goes on.
        #expect(admitted(hex.prefix(30).map { "2001:db8:6::\($0)" }) == 20)
        visitors.know("claim", of: "123")
        #expect(throws: Never.self) { try visitors.admit(ClientAddress("2001:db8:5::1"), to: "123", claim: "claim") }
        let own = (0..<500).count { _ in
            (try? visitors.admit(ClientAddress("10.2.0.1"), to: "123", claim: "claim")) != nil
        }
        #expect((120...121).contains(own))
    }

    @Test("a network of ten addresses' worth opens no more circles")
    func networkOfFounders() {
        let creations = StrangerBuckets(5, seconds: 3600)
        let taken = (0..<1000).count { creations.take(ClientAddress("2001:db8:7:\(String($0, radix: 16))::1")) == nil }
        #expect((50...51).contains(taken))
        #expect(creations.take(ClientAddress("2001:db8:8::1")) == nil)
    }

    @Test("rations and nonces take no more memory however many senders there are")
    func generations() {
        let buckets = TokenBuckets(2, seconds: 60)
        let start = ContinuousClock.now
        #expect(buckets.take("one", now: start) == nil)
        #expect(buckets.take("one", now: start) == nil)
        #expect(buckets.take("one", now: start) != nil)
        for number in 0..<TokenBuckets.limit - 1 { _ = buckets.take("\(number)", now: start) }
        // The next generation has begun, and the one before is remembered.
        _ = buckets.take("next", now: start)
        #expect(buckets.shortage("one", now: start) != nil)
        for number in 0..<3 * TokenBuckets.limit { _ = buckets.take("\(number)", now: start) }
        #expect(buckets.count <= 2 * TokenBuckets.limit)
        var keys = RecentKeys(seconds: 600, limit: 100)
        let known = [(0, "a"), (599, "a"), (700, "a"), (2000, "a")].map { keys.insert($0.1, now: $0.0) }
        #expect(known == [true, false, false, true])
        for number in 0..<1000 { _ = keys.insert(number, now: 2000) }
        let isNew = keys.insert(999, now: 2000)
        #expect(!isNew)
    }
}
