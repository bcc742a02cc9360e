// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

/// New recovery words in the place of those that a circle has.
@Suite struct ChainWordsTests {
    let second = TestDevice(2)
    let third = TestDevice(3)
    let fresh = TestDevice(201, paper: true)

    private func twoDevices() throws -> TestCircle {
        var circle = try TestCircle()
        try circle.add(second, having: [circle.first, circle.paper])
        return circle
    }

    private func replaced(
        _ circle: TestCircle, by signer: TestDevice, second: TestDevice, new: TestDevice? = nil
    ) throws -> TestCircle {
        var next = circle
        try next.take(
            circle.replacement(
                of: circle.paper, by: new ?? fresh, staying: [circle.first, self.second], signer: signer,
                second: second))
        return next
    }

    @Test func aDeviceAloneReplacesThemWithTheirOwnSignature() throws {
        var circle = try TestCircle()
        let first = circle.first
        try circle.take(
            circle.replacement(
                of: circle.paper, by: fresh, staying: [first], signer: first, second: circle.paper))
        let chain = try DeviceChain(verifying: circle.links)
        #expect(chain == circle.chain)
        #expect(chain.paper?.id == fresh.id)
        #expect(chain.devices[circle.paper.id]?.revocation?.at == 2)
        #expect(chain.devices[fresh.id]?.sponsor == first.id)
        #expect(Set(chain.envelopes.keys) == [first.id, fresh.id])
        #expect(try Link(parsing: circle.links[1]).body.version == 2)
        // What ended neither signs nor agrees any more, and never comes back.
        #expect(errorCode { try circle.take(circle.addition(of: third, by: circle.paper)) } == "E-WIRE-007")
        #expect(
            errorCode {
                try circle.take(
                    circle.replacement(
                        of: fresh, by: TestDevice(202, paper: true), staying: [first], signer: first,
                        second: circle.paper))
            } == "E-WIRE-007")
        #expect(
            errorCode {
                try circle.take(
                    circle.replacement(of: fresh, by: circle.paper, staying: [first], signer: first, second: fresh))
            } == "E-WIRE-007")
        // The new ones can do what the words of a circle can.
        try circle.take(circle.addition(of: third, by: fresh))
    }

    @Test func ofTwoDevicesTheSecondAgreesInPlaceOfTheWords() throws {
        let circle = try twoDevices()
        for agreeing in [circle.paper, second] {
            let next = try replaced(circle, by: circle.first, second: agreeing)
            #expect(next.chain.paper?.id == fresh.id)
            #expect(next.chain.active.count == 2)
        }
        #expect(try replaced(circle, by: second, second: circle.first).chain.paper?.id == fresh.id)
    }

    @Test func oneDeviceCannotTakeTheWordsAway() throws {
        let circle = try twoDevices()
        for wrong in [second, TestDevice(9), fresh] {
            #expect(errorCode { _ = try replaced(circle, by: second, second: wrong) } == "E-WIRE-007")
        }
        // Nor can the words put others in their own place: they would make the next key.
        #expect(errorCode { _ = try replaced(circle, by: circle.paper, second: second) } == "E-WIRE-007")
        // Nor does an agreement to something else count, or one from before.
        var body = try replaced(circle, by: second, second: circle.first).links.last.map { try Link(parsing: $0).body }
        let other = circle.first.sign(SignedText.revoke(previous: circle.genesis, devices: [circle.paper.id]))
        for signature in [
            other, circle.first.sign(SignedText.revoke(previous: circle.chain.head, devices: [fresh.id])),
        ] {
            body?.replaceWords.secondSignature = Data(signature)
            let bytes = try TestCircle.seal(#require(body), by: second)
            var chain = circle.chain
            #expect(errorCode { try chain.append(Link(parsing: bytes)) } == "E-WIRE-005")
            #expect(chain == circle.chain)
        }
    }

    @Test func theNewWordsAgreeAndTheKeysAreForThoseWhoStay() throws {
        let circle = try twoDevices()
        let good = try Link(
            parsing: #require(replaced(circle, by: circle.first, second: circle.paper).links.last))
        func refused(_ change: (inout ProtoReplaceWords) -> Void) throws -> String? {
            var body = good.body
            var replace = body.replaceWords
            change(&replace)
            body.replaceWords = replace
            let bytes = try TestCircle.seal(body, by: circle.first)
            var chain = circle.chain
            return errorCode { try chain.append(Link(parsing: bytes)) }
        }
        let (first, paper) = (circle.first, circle.paper)
        #expect(try refused { $0.counterSignature = Data(fresh.sign(Array("other".utf8))) } == "E-WIRE-005")
        #expect(try refused { $0.epochKeys = TestCircle.keys(3, for: [first, second]) } == "E-WIRE-007")
        #expect(try refused { $0.epochKeys = TestCircle.keys(3, for: [first, second, paper]) } == "E-WIRE-007")
        #expect(try refused { $0.epochKeys = TestCircle.keys(3, for: [first, second, paper, fresh]) } == "E-WIRE-007")
        #expect(try refused { $0.epochKeys = TestCircle.keys(4, for: [first, second, fresh]) } == "E-WIRE-007")
        #expect(try refused { $0.paper = TestDevice(9).record } == "E-WIRE-001")
        #expect(try refused { $0.clearPaper() } == "E-WIRE-001")
        #expect(try refused { $0.secondSigner = Data() } == "E-WIRE-001")
        #expect(try refused { $0.secondSignature = Data(count: 63) } == "E-WIRE-001")
        #expect(try refused { $0.clearEpochKeys() } == "E-WIRE-001")
        #expect(try refused { _ in } == nil)
    }

    @Test func thereIsNothingToReplaceWhereACircleHasNoWords() throws {
        let circle = try TestCircle(paper: false)
        let first = circle.first
        #expect(
            errorCode {
                var next = circle
                try next.take(
                    circle.replacement(of: circle.paper, by: fresh, staying: [first], signer: first, second: fresh))
            } == "E-WIRE-007")
    }

    @Test func theLinkIsOfVersionTwoAndOfNoOther() throws {
        let circle = try twoDevices()
        var body = try replaced(circle, by: circle.first, second: circle.paper).links.last.map {
            try Link(parsing: $0).body
        }
        for version in [0, 1, 3] as [UInt32] {
            body?.version = version
            let bytes = try TestCircle.seal(#require(body), by: circle.first)
            #expect(errorCode { _ = try Link(parsing: bytes) } == "E-WIRE-004", "version \(version)")
        }
    }

    // Two branches: the owner's, in which the words are replaced, and that of whoever has the words that were.

    @Test func whoeverHasTheOldWordsWinsNothingByGoingBackToBeforeTheyEnded() throws {
        let before = try twoDevices()
        let stand = TestDevice(9)
        for agreeing in [before.paper, second] {
            let circle = try replaced(before, by: before.first, second: agreeing)
            let own = try Link(parsing: #require(circle.links.last))
            // They add a device; that device puts words of its own in their place; it shuts out the others.
            var branch = before
            let rival = try branch.addition(of: stand, by: before.paper)
            try branch.take(rival)
            #expect(!circle.chain.yields(to: branch.chain, from: own, and: rival))
            #expect(branch.chain.yields(to: circle.chain, from: rival, and: own))
            try branch.take(
                branch.replacement(
                    of: before.paper, by: TestDevice(202, paper: true), staying: [before.first, second, stand],
                    signer: stand, second: before.paper))
            #expect(!circle.chain.yields(to: branch.chain, from: own, and: rival))
            #expect(branch.chain.yields(to: circle.chain, from: rival, and: own))
            let devices = [before.first, second].sorted { $0.id < $1.id }
            try branch.take(
                branch.revocation(
                    of: devices, staying: [stand, TestDevice(202, paper: true)], by: stand,
                    second: TestDevice(202, paper: true)))
            #expect(!circle.chain.yields(to: branch.chain, from: own, and: rival))
        }
    }

    @Test func aDeviceThatWasShutOutTakesTheWordsAwayInNoOlderBranch() throws {
        var before = try twoDevices()
        try before.add(third, having: [before.first, before.paper, second])
        var circle = before
        let own = try circle.revocation(of: [third], staying: [before.first, before.paper, second], by: before.first)
        try circle.take(own)
        // With a device that it invents as the second voice.
        let stand = TestDevice(9)
        var branch = before
        let rival = try branch.addition(of: stand, by: third)
        try branch.take(rival)
        try branch.take(
            branch.replacement(
                of: before.paper, by: fresh, staying: [before.first, second, third, stand], signer: third,
                second: stand))
        #expect(!circle.chain.yields(to: branch.chain, from: own, and: rival))
        // Each shuts out somebody of the other: whoever has the owner's branch keeps it, and people decide.
        #expect(!branch.chain.yields(to: circle.chain, from: rival, and: own))
    }

    @Test func twoReplacementsAtOnceAreSettledByTheLowerHash() throws {
        let before = try twoDevices()
        let one = try replaced(before, by: before.first, second: second)
        let other = try replaced(before, by: second, second: before.first, new: TestDevice(202, paper: true))
        let links = try [one, other].map { try Link(parsing: #require($0.links.last)) }
        #expect(one.chain.yields(to: other.chain, from: links[0], and: links[1]) == (links[1].hash < links[0].hash))
        #expect(other.chain.yields(to: one.chain, from: links[1], and: links[0]) == (links[0].hash < links[1].hash))
    }

    @Test func aReplacementCountsBeforeAChangeThatEndsNothing() throws {
        let before = try twoDevices()
        let circle = try replaced(before, by: before.first, second: before.paper)
        let own = try Link(parsing: #require(circle.links.last))
        for mark in 1...32 as ClosedRange<UInt8> {
            var branch = before
            let rival = try branch.rename(second, by: second, mark)
            try branch.take(rival)
            #expect(!circle.chain.yields(to: branch.chain, from: own, and: rival))
            #expect(branch.chain.yields(to: circle.chain, from: rival, and: own))
        }
    }
}
