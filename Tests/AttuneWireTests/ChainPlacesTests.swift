// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import Testing

/// The places of a chain, whoever tries to fill them, and names.
@Suite struct ChainPlacesTests {
    let second = TestDevice(2)
    let third = TestDevice(3)

    /// A circle of three whose third device has filled the shared places with new names.
    private func filled() throws -> TestCircle {
        var circle = try TestCircle()
        try circle.add(second, having: [circle.first, circle.paper])
        try circle.add(third, having: [circle.first, circle.paper, second])
        while circle.chain.seq < WireLimits.sharedLinks { try circle.take(circle.rename(third, by: third)) }
        return circle
    }

    @Test func aDeviceThatFillsTheChainTakesNoPlaceOfTheOthers() throws {
        var circle = try filled()
        let old = circle.links
        // Its own share goes, with that of all that it brings in; nobody else's does.
        let invented = (10..<20).map { TestDevice($0) }
        for device in invented { try circle.take(circle.addition(of: device, by: third)) }
        let all = [circle.first, circle.paper, second, third] + invented
        try circle.take(circle.epoch(for: all, by: invented[0]))
        var count = UInt64(11)
        while count < WireLimits.linksOfShare {
            let signer = invented[Int(count) % invented.count]
            try circle.take(circle.rename(signer, by: signer))
            count += 1
        }
        for signer in [third] + invented {
            #expect(errorCode { try circle.take(circle.rename(signer, by: signer)) } == "E-WIRE-007")
            #expect(errorCode { try circle.take(circle.epoch(for: all, by: signer)) } == "E-WIRE-007")
            #expect(errorCode { try circle.take(circle.addition(of: TestDevice(30), by: signer)) } == "E-WIRE-007")
        }
        // It is shut out with what it brought in, and devices join again.
        let gone = ([third] + invented).sorted { $0.id < $1.id }
        try circle.take(
            circle.revocation(
                of: gone, staying: [circle.first, circle.paper, second], by: second, second: circle.first))
        try circle.add(TestDevice(40), having: [circle.first, circle.paper, second])
        try circle.take(circle.rename(second, by: second))
        #expect(circle.chain.active.count == 3)
        #expect(try DeviceChain(verifying: circle.links) == circle.chain)

        // As long as there are shares the chain is not at its end, and revocations never count against one.
        #expect(circle.chain.seq > 4096)
        #expect(circle.chain.seq < WireLimits.links)
        let tooMany = old + Array(repeating: old[1], count: Int(WireLimits.links) - old.count + 1)
        #expect(errorCode { _ = try DeviceChain(verifying: tooMany) } == "E-WIRE-006")
    }

    @Test func sharesAndRevocationsTogetherNeverReachTheLastPlace() {
        let accounts = UInt64(WireLimits.envelopes)
        let shares = accounts * WireLimits.linksOfShare
        // Each revocation ends one device at least: one of those that were there, or one that took a place to come.
        #expect(WireLimits.sharedLinks + shares + (accounts + shares) <= WireLimits.links)
    }

    @Test func aNewNameCountsFromItsOwnDeviceAlone() throws {
        var circle = try TestCircle()
        try circle.add(second, having: [circle.first, circle.paper])
        try circle.take(circle.rename(circle.first, by: second, 8))
        try circle.take(circle.rename(circle.first, by: circle.paper, 9))
        let first = try #require(circle.chain.devices[circle.first.id])
        #expect(first.name.sealed == [UInt8](repeating: 1, count: Link.sealedNameBytes))
        #expect(first.names.count == 1)
        #expect(first.givenNames[second.id]?.sealed.first == 8)
        #expect(first.givenNames[circle.paper.id]?.sealed.first == 9)
        for mark in 10...20 as ClosedRange<UInt8> {
            try circle.take(circle.rename(circle.first, by: circle.first, mark))
        }
        let renamed = try #require(circle.chain.devices[circle.first.id])
        #expect(renamed.names.map(\.sealed.first) == (13...20).map { UInt8($0) })
        #expect(renamed.name.at == circle.chain.seq)
        #expect(renamed.addedAt == 1)
        #expect(renamed.givenNames.count == 2)
    }
}
