// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

@Suite struct DeviceChainTests {
    let second = TestDevice(2)
    let third = TestDevice(3)

    private func threeDevices() throws -> TestCircle {
        var circle = try TestCircle()
        try circle.add(second, having: [circle.first, circle.paper])
        try circle.add(third, having: [circle.first, circle.paper, second])
        return circle
    }

    @Test func aCircleGrowsAndItsChainIsVerifiedFromTheLinksAlone() throws {
        let circle = try threeDevices()
        let chain = try DeviceChain(verifying: circle.links)
        #expect(chain == circle.chain)
        #expect(chain.active.map(\.id) == [circle.first.id, second.id, third.id].sorted())
        #expect(chain.paper?.id == circle.paper.id)
        #expect(chain.epoch == 3)
        #expect(chain.seq == 5)
        #expect(chain.devices[second.id]?.addedAt == 2)
        #expect(chain.circle == (try Link(parsing: circle.links[0])).circle)
        #expect(Set(chain.envelopes.keys) == Set(chain.recipients.map(\.id)))
    }

    @Test func aLinkThatIsLeftOutSwappedOrRepeatedIsRefused() throws {
        let links = try threeDevices().links
        #expect(errorCode { _ = try DeviceChain(verifying: Array(links[1...])) } == "E-WIRE-006")
        #expect(errorCode { _ = try DeviceChain(verifying: [links[0]] + links[2...]) } == "E-WIRE-006")
        #expect(errorCode { _ = try DeviceChain(verifying: links + [links[4]]) } == "E-WIRE-006")
        #expect(errorCode { _ = try DeviceChain(verifying: [links[0], links[0]]) } == "E-WIRE-006")
        #expect(errorCode { _ = try DeviceChain(verifying: []) } == "E-WIRE-006")
        let foreign = try TestCircle(paper: false).links
        #expect(errorCode { _ = try DeviceChain(verifying: foreign + links[1...]) } == "E-WIRE-006")
    }

    @Test func onlyAnActiveDeviceSigns() throws {
        var circle = try threeDevices()
        let stranger = TestDevice(9)
        #expect(errorCode { try circle.take(circle.addition(of: stranger, by: stranger)) } == "E-WIRE-007")
        try circle.take(
            circle.revocation(of: [third], staying: [circle.first, circle.paper, second], by: circle.first))
        #expect(errorCode { try circle.take(circle.addition(of: stranger, by: third)) } == "E-WIRE-007")
        try circle.take(circle.addition(of: stranger, by: circle.paper))
    }

    @Test func aLinkInTheNameOfAnotherDeviceIsRefused() throws {
        let circle = try threeDevices()
        var body = try circle.addition(of: TestDevice(9), by: third).body
        body.signer = Data(circle.first.id.bytes)
        let forged = try Link(parsing: TestCircle.seal(body, by: third))
        var chain = circle.chain
        #expect(errorCode { try chain.append(forged) } == "E-WIRE-005")
        #expect(chain == circle.chain)
    }

    @Test func aNewDeviceHasToAgreeToThisCircleAtThisPlace() throws {
        var circle = try threeDevices()
        let early = try circle.addition(of: TestDevice(9), by: circle.first).body.add
        try circle.take(circle.rename(second, by: second))
        #expect(errorCode { try circle.take(circle.next(by: circle.first) { $0.add = early }) } == "E-WIRE-005")
    }

    @Test func devicesAndTheirKeysNeverComeBack() throws {
        var circle = try threeDevices()
        #expect(errorCode { try circle.take(circle.addition(of: second, by: circle.first)) } == "E-WIRE-007")
        try circle.take(
            circle.revocation(of: [third], staying: [circle.first, circle.paper, second], by: circle.first))
        #expect(errorCode { try circle.take(circle.addition(of: third, by: circle.first)) } == "E-WIRE-007")
        #expect(
            errorCode { try circle.take(circle.addition(of: TestDevice(201, paper: true), by: second)) }
                == "E-WIRE-007")
    }

    @Test func aDeviceCannotShowTheCertificateOfAnother() throws {
        var circle = try threeDevices()
        let twin = TestDevice(9, certificate: 2)
        #expect(errorCode { try circle.take(circle.addition(of: twin, by: third)) } == "E-WIRE-007")
        try circle.take(circle.addition(of: TestDevice(9), by: third))
    }

    @Test func epochKeysAreForExactlyTheActiveDevices() throws {
        var circle = try threeDevices()
        let all = [circle.first, circle.paper, second, third]
        for wrong in [Array(all.dropLast()), all + [TestDevice(9)], [circle.first]] {
            #expect(errorCode { try circle.take(circle.epoch(for: wrong, by: second)) } == "E-WIRE-007")
        }
        #expect(
            errorCode { try circle.take(circle.next(by: second) { $0.epochKeys = TestCircle.keys(5, for: all) }) }
                == "E-WIRE-007")
        #expect(
            errorCode {
                try circle.take(circle.revocation(of: [third], staying: all, by: circle.first))
            } == "E-WIRE-007")
        try circle.take(circle.epoch(for: all, by: second))
    }

    @Test func revokingTwoOrTheLastOtherNeedsASecondSignature() throws {
        var circle = try threeDevices()
        let rest = [circle.first, circle.paper]
        let both = [second, third]
        #expect(
            errorCode { try circle.take(circle.revocation(of: both, staying: rest, by: circle.first)) } == "E-WIRE-007")
        // One of those who go cannot agree to it, nor can the signer twice, nor a stranger.
        for wrong in [second, circle.first, TestDevice(9)] {
            #expect(
                errorCode {
                    try circle.take(circle.revocation(of: both, staying: rest, by: circle.first, second: wrong))
                } == "E-WIRE-007")
        }
        var alone = circle
        try circle.take(circle.revocation(of: both, staying: rest, by: circle.first, second: circle.paper))
        #expect(circle.chain.active.map(\.id) == [circle.first.id])

        try alone.take(alone.revocation(of: [third], staying: rest + [second], by: alone.first))
        #expect(
            errorCode { try alone.take(alone.revocation(of: [second], staying: rest, by: alone.first)) } == "E-WIRE-007"
        )
        try alone.take(alone.revocation(of: [second], staying: rest, by: alone.first, second: alone.paper))
    }

    @Test func aSecondSignatureCountsForThisRevocationOnly() throws {
        var circle = try threeDevices()
        let rest = [circle.first, circle.paper]
        var body = try circle.revocation(
            of: [second, third], staying: rest, by: circle.first, second: circle.paper
        ).body
        body.revoke.secondSignature = Data(
            circle.paper.sign(
                SignedText.revoke(previous: circle.genesis, devices: [second.id, third.id].sorted())))
        let replayed = try Link(parsing: TestCircle.seal(body, by: circle.first))
        #expect(errorCode { try circle.take(replayed) } == "E-WIRE-005")
    }

    @Test func nobodyRevokesItselfOrTheLastDevice() throws {
        var circle = try threeDevices()
        #expect(
            errorCode {
                try circle.take(
                    circle.revocation(of: [second], staying: [circle.first, circle.paper, third], by: second))
            } == "E-WIRE-007")
        #expect(
            errorCode {
                try circle.take(
                    circle.revocation(
                        of: [circle.first, second, third], staying: [circle.paper], by: circle.paper))
            } == "E-WIRE-007")
    }

    @Test func thePaperDeviceGoesOnlyWithASecondSignature() throws {
        var circle = try threeDevices()
        let staying = [circle.first, second, third]
        #expect(
            errorCode { try circle.take(circle.revocation(of: [circle.paper], staying: staying, by: circle.first)) }
                == "E-WIRE-007")
        try circle.take(circle.revocation(of: [circle.paper], staying: staying, by: circle.first, second: third))
        #expect(circle.chain.paper == nil)
        try circle.take(circle.addition(of: TestDevice(201, paper: true), by: second))
    }

    @Test func theRecoveryWordsAloneBringANewDeviceInAndShutTheLostOneOut() throws {
        var circle = try TestCircle()
        try circle.take(circle.addition(of: second, by: circle.paper))
        try circle.take(circle.epoch(for: [circle.first, circle.paper, second], by: circle.paper))
        try circle.take(
            circle.revocation(of: [circle.first], staying: [circle.paper, second], by: second, second: circle.paper))
        #expect(circle.chain.active.map(\.id) == [second.id])
    }

    @Test func aCircleHasAtMost64Devices() throws {
        var circle = try TestCircle()
        for number in 2...64 { try circle.take(circle.addition(of: TestDevice(UInt8(number)), by: circle.first)) }
        #expect(errorCode { try circle.take(circle.addition(of: TestDevice(65), by: circle.first)) } == "E-WIRE-007")
    }

    @Test func ofTwoBranchesTheRevocationCountsAndElseTheLowerHash() throws {
        let circle = try threeDevices()
        let revocation = try circle.revocation(
            of: [third], staying: [circle.first, circle.paper, second], by: circle.first)
        let one = try circle.addition(of: TestDevice(9), by: second)
        let other = try circle.addition(of: TestDevice(10), by: circle.first)
        let chains = try [revocation, one, other].map { link in
            var chain = circle.chain
            try chain.append(link)
            return chain
        }
        #expect(!chains[0].yields(to: chains[1], from: revocation, and: one))
        #expect(chains[1].yields(to: chains[0], from: one, and: revocation))
        #expect(chains[1].yields(to: chains[2], from: one, and: other) == (other.hash < one.hash))
        #expect(chains[2].yields(to: chains[1], from: other, and: one) == (one.hash < other.hash))
    }

    @Test func aDeviceThatWasShutOutWinsNothingByBeginningAgainBeforeThat() throws {
        let before = try threeDevices()
        var circle = before
        let own = try circle.addition(of: TestDevice(9), by: second)
        try circle.take(own)
        try circle.take(
            circle.revocation(
                of: [third], staying: [circle.first, circle.paper, second, TestDevice(9)], by: circle.first))
        // Any number of tries for a lower hash, and a revocation of its own.
        for tries in 1...64 {
            var branch = before
            let rival = try branch.rename(third, by: third, UInt8(tries))
            try branch.take(rival)
            #expect(!circle.chain.yields(to: branch.chain, from: own, and: rival))
            #expect(branch.chain.yields(to: circle.chain, from: rival, and: own))
            try branch.take(
                branch.revocation(of: [circle.first], staying: [circle.paper, second, third], by: third))
            #expect(!circle.chain.yields(to: branch.chain, from: own, and: rival))
        }
    }

    @Test func aDeviceThatWasShutOutCannotPutAnotherInItsPlaceBeforeThat() throws {
        let before = try threeDevices()
        let stand = TestDevice(9)
        var circle = before
        let own = try circle.revocation(of: [third], staying: [circle.first, circle.paper, second], by: circle.first)
        try circle.take(own)
        // It adds a device of its own, which then shuts it out as the others did: nobody is active whom they shut out.
        var branch = before
        let rival = try branch.addition(of: stand, by: third)
        try branch.take(rival)
        try branch.take(
            branch.revocation(of: [third], staying: [branch.first, branch.paper, second, stand], by: stand))
        #expect(!circle.chain.yields(to: branch.chain, from: own, and: rival))
        #expect(branch.chain.yields(to: circle.chain, from: rival, and: own))
        // Nor does it win by shutting out on the way the one that shut it out.
        var other = before
        let first = try other.revocation(of: [circle.first], staying: [other.paper, second, third], by: third)
        try other.take(first)
        try other.take(other.addition(of: stand, by: third))
        try other.take(other.revocation(of: [third], staying: [other.paper, second, stand], by: stand))
        #expect(!circle.chain.yields(to: other.chain, from: own, and: first))
    }

    @Test func anotherVersionOrSuiteIsRefusedAsSuch() throws {
        let circle = try threeDevices()
        for change in [{ $0.suite = 1 }, { $0.suite = 3 }, { $0.version = 0 }, { $0.version = 2 }]
            as [(inout ProtoLinkBody) -> Void]
        {
            var body = try circle.addition(of: TestDevice(9), by: circle.first).body
            change(&body)
            let bytes = try TestCircle.seal(body, by: circle.first)
            #expect(errorCode { _ = try Link(parsing: bytes) } == "E-WIRE-004")
        }
        // Of a later version, with a payload that nobody can name yet: field 99, two bytes.
        let known = try circle.addition(of: TestDevice(9), by: circle.first).body
        for (version, code) in [(UInt32(3), "E-WIRE-004"), (2, "E-WIRE-001"), (1, "E-WIRE-001")] {
            var body = known
            body.version = version
            body.payload = nil
            let encoded = try body.serializedBytes() as [UInt8] + [0x9a, 0x06, 0x01, 0x00]
            let signed = ProtoSignedLink.with {
                $0.body = Data(encoded)
                $0.signature = Data(circle.first.sign(SignedText.link(Link.hash(body: encoded))))
            }
            let bytes: [UInt8] = try signed.serializedBytes()
            #expect(errorCode { _ = try Link(parsing: bytes) } == code, "version \(version)")
        }
    }
}
