// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneWire
import SwiftProtobuf
import Testing

/// The messages of pairing, from one pure state machine to the other.
@Suite struct PairingFlowTests {
    private let material: PairingMaterial
    private let code: PairingCode

    init() throws {
        material = try PairingMaterial()
        code = try PairingCode(nameplate: "4")
    }

    @Test func theRightCodeBringsBothSidesToTheEnd() throws {
        var old = material.flow(.old, code)
        var new = material.flow(.new, code)
        let words = try PairingMaterial.agree(&old, &new)
        #expect(words.old == words.new)
        #expect(words.old.count == 3)

        let offer = try old.offer(circle: material.circle, seq: 3, link: material.link, name: "loft")
        guard case .offered(let offered) = try new.receive(offer).event else { return #expect(Bool(false)) }
        #expect(CircleID(offered.circle) == material.circle)
        #expect(offered.linkSeq == 3)
        #expect(offered.deviceName == "loft")
        #expect(offered.device == PairingMaterial.record(material.oldKeys))

        let answer = try new.answer(counterSignature: Array(repeating: 7, count: 64), name: "desk")
        guard case .answered(let answered) = try old.receive(answer).event else { return #expect(Bool(false)) }
        #expect(answered.device == PairingMaterial.record(material.newKeys))
        #expect(answered.deviceName == "desk")

        let welcome = try old.welcome(links: [], relay: "https://relay.example", bases: [])
        guard case .welcomed(let welcomed) = try new.receive(welcome).event else { return #expect(Bool(false)) }
        #expect(welcomed.relay == "https://relay.example")

        guard case .finished(let link) = try old.receive(new.done(link: material.link)).event else {
            return #expect(Bool(false))
        }
        #expect(link == material.link)
        let (oldIsOver, newIsOver) = (old.isOver, new.isOver)
        #expect(oldIsOver)
        #expect(newIsOver)
    }

    @Test func anotherCodeFailsOnBothSides() throws {
        let other = try PairingCode(nameplate: "4")
        try #require(other != code)
        var old = material.flow(.old, code)
        var new = material.flow(.new, other)
        var (toNew, toOld) = (try old.opening(), try new.opening())
        for _ in 1...2 {
            let answer = try new.receive(toNew).answer
            toNew = try #require(try old.receive(toOld).answer)
            toOld = try #require(answer)
        }
        #expect(Self.failure { _ = try old.receive(toOld) } == .wrongCode)
        #expect(Self.failure { _ = try new.receive(toNew) } == .wrongCode)
        // One guess: nothing is taken any more, not even what would have been right.
        #expect(Self.failure { _ = try old.receive(toOld) }?.code == "E-PAIR-002")
        #expect(
            Self.failure { _ = try old.offer(circle: material.circle, seq: 1, link: material.link, name: "x") } != nil)
    }

    @Test func aCodeIsGoodAtOneRelayOnly() throws {
        var old = material.flow(.old, code)
        var new = material.flow(.new, code, authority: "other.example")
        #expect(Self.failure { _ = try PairingMaterial.agree(&old, &new) } == .wrongCode)
        var lan = material.flow(.old, code, authority: nil)
        var relay = material.flow(.new, code)
        #expect(Self.failure { _ = try PairingMaterial.agree(&lan, &relay) } == .wrongCode)
    }

    @Test(arguments: 1...3, [PairingSide.old, .new])
    func everyChangedBitOfTheExchangeIsNoticed(phase: Int, sender: PairingSide) throws {
        for _ in 0..<12 {
            var old = material.flow(.old, code)
            var new = material.flow(.new, code)
            let failure = Self.failure {
                _ = try PairingMaterial.agree(&old, &new) { side, number, bytes in
                    guard side == sender, number == phase else { return bytes }
                    var changed = bytes
                    changed[Int.random(in: changed.indices)] ^= 1 << UInt8.random(in: 0..<8)
                    return changed
                }
            }
            #expect(failure == .wrongCode || failure?.code == "E-PAIR-002")
        }
    }

    @Test func changedCutLongRepeatedAndReorderedMessagesFail() throws {
        func pair(_ body: (inout PairingFlow, inout PairingFlow) throws -> Void) throws -> PairingError? {
            var old = material.flow(.old, code)
            var new = material.flow(.new, code)
            _ = try PairingMaterial.agree(&old, &new)
            return Self.failure { try body(&old, &new) }
        }
        func offer(_ old: inout PairingFlow) throws -> [UInt8] {
            try old.offer(circle: material.circle, seq: 1, link: material.link, name: "loft")
        }
        let changed = try pair { old, new in
            var bytes = try offer(&old)
            bytes[bytes.count / 2] ^= 1
            _ = try new.receive(bytes)
        }
        #expect(changed?.code == "E-PAIR-002")
        for count in [0, 1, 40, 900] {
            let cut = try pair { old, new in _ = try new.receive(Array(offer(&old).prefix(count))) }
            #expect(cut?.code == "E-PAIR-002", "\(count) bytes")
        }
        #expect(try pair { _, new in _ = try new.receive(Array(repeating: 0, count: 16_385)) }?.code == "E-PAIR-002")
        let own = try pair { old, _ in _ = try old.receive(offer(&old)) }
        #expect(own?.code == "E-PAIR-002", "the own message sent back")
        let again = try pair { old, new in
            let bytes = try offer(&old)
            _ = try new.receive(bytes)
            _ = try new.receive(bytes)
        }
        #expect(again?.code == "E-PAIR-002", "the same message twice")
        let early = try pair { old, _ in _ = try old.welcome(links: [], relay: nil, bases: []) }
        #expect(early?.code == "E-PAIR-002", "a phase left out")
    }

    @Test func keysThatWereNotAnnouncedAreRefused() throws {
        var old = material.flow(.old, code)
        // The exchange with one record, the offer with another: a relay that knew the code could try no more.
        var new = material.flow(.new, code)
        _ = try PairingMaterial.agree(&old, &new)
        var stranger = try PairingMaterial().flow(.old, code)
        var victim = material.flow(.new, code)
        let failure = Self.failure {
            _ = try PairingMaterial.agree(&stranger, &victim) { side, phase, bytes in
                guard side == .old, phase == 2, var message = ProtoPairingMessage(canonical: bytes) else {
                    return bytes
                }
                message.share.associatedData = .init(repeating: 1, count: 32)
                return (try? message.serializedBytes()) ?? []
            }
        }
        #expect(failure == .wrongCode)
    }

    @Test(arguments: ["", "\u{1b}[2Jloft", "lo\u{202e}ft", String(repeating: "x", count: 65)])
    func aNameThatCannotBeShownIsRefused(name: String) throws {
        var old = material.flow(.old, code)
        var new = material.flow(.new, code)
        _ = try PairingMaterial.agree(&old, &new)
        let offer = try old.offer(circle: material.circle, seq: 1, link: material.link, name: name)
        #expect(Self.failure { _ = try new.receive(offer) }?.code == "E-PAIR-002")
    }

    @Test func theOwnNonceSentBackIsRefused() throws {
        var old = material.flow(.old, code)
        #expect(Self.failure { _ = try old.receive(old.opening()) }?.code == "E-PAIR-002")
    }

    @Test func linksThatDoNotFitAreLeftOut() throws {
        var old = material.flow(.old, code)
        var new = material.flow(.new, code)
        _ = try PairingMaterial.agree(&old, &new)
        _ = try new.receive(old.offer(circle: material.circle, seq: 1, link: material.link, name: "loft"))
        _ = try old.receive(new.answer(counterSignature: Array(repeating: 7, count: 64), name: "desk"))
        var link = ProtoSignedLink()
        link.body = .init(repeating: 1, count: 9000)
        let welcome = try old.welcome(links: [link, link], relay: nil, bases: [])
        #expect(welcome.count <= WireLimits.pairingBytes)
        guard case .welcomed(let welcomed) = try new.receive(welcome).event else { return #expect(Bool(false)) }
        #expect(welcomed.links.isEmpty)
    }

    private static func failure(_ body: () throws -> Void) -> PairingError? {
        do {
            try body()
            return nil
        } catch {
            return error as? PairingError
        }
    }
}
