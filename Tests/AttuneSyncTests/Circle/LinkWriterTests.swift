// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneWire
import SwiftProtobuf
import Testing

@Suite struct LinkWriterTests {
    @Test func everyDeviceReadsAllEpochsAndNamesFromTheLinksAndItsOwnKeysAlone() throws {
        var circle = try SealedCircle()
        let second = try circle.add("second")
        let third = try circle.add("third")
        try circle.take(circle.writer(third).rename(to: "tower", keyring: circle.keyring))
        let chain = try DeviceChain(verifying: circle.links.map(\.bytes))
        #expect(chain == circle.chain)
        #expect(chain.epoch == 3)
        for keys in [circle.first, second, third, circle.paper] {
            let keyring = EpochKeyring(chain: chain, device: keys)
            #expect(keyring.keys.count == 3)
            for (epoch, key) in circle.keyring.keys { #expect(keyring[epoch]?.isEqual(to: key) == true) }
            let names = chain.active.compactMap { keyring.name(of: $0) }
            #expect(Set(names) == ["first", "second", "tower"])
        }
    }

    @Test func aDeviceThatIsNotInTheCircleReadsNothing() throws {
        var circle = try SealedCircle()
        _ = try circle.add("second")
        let keyring = try circle.keyring(of: DeviceKeys.generate())
        #expect(keyring.keys.isEmpty)
        #expect(keyring.newest == nil)
        #expect(circle.chain.active.allSatisfy { keyring.name(of: $0) == nil })
    }

    @Test func aRevokedDeviceKeepsWhatItHadAndGetsNothingNew() throws {
        var circle = try SealedCircle()
        let second = try circle.add("second")
        let third = try circle.add("third")
        let before = try circle.keyring(of: third)
        try circle.take(circle.writer().revoke([third.deviceID: nil], keyring: circle.keyring))
        let after = EpochKeyring(chain: circle.chain, device: third, known: Array(before.keys.values))
        #expect(Set(after.keys.keys) == [1, 2, 3])
        #expect(circle.chain.epoch == 4)
        #expect(try circle.keyring(of: second).keys.count == 4)
        #expect(sealingCode { _ = try circle.writer(third).epoch(keyring: before) } == "E-WIRE-007")
        #expect(
            sealingCode { _ = try circle.writer(third).rename(to: "x", keyring: circle.keyring) }
                == "E-WIRE-007")
    }

    @Test func revokingTheLastOtherTakesASecondSignature() throws {
        var circle = try SealedCircle()
        let second = try circle.add("second")
        #expect(
            sealingCode { _ = try circle.writer().revoke([second.deviceID: nil], keyring: circle.keyring) }
                == "E-WIRE-007")
        let signature = circle.paper.secondSignature(revoking: [second.deviceID], after: circle.chain.head)
        try circle.take(
            circle.writer().revoke(
                [second.deviceID: nil], second: (circle.paper.deviceID, signature), keyring: circle.keyring))
        #expect(circle.chain.active.map(\.id) == [circle.first.deviceID])
    }

    @Test func recoveryWordsThatWereReplacedOpenNothingLater() throws {
        var circle = try SealedCircle()
        let second = try circle.add("second")
        let (old, fresh) = (circle.paper, try DeviceKeys(paper: .random()))
        let before = try circle.keyring(of: old)
        let agreements = try [old, second].map { agreeing in
            try circle.writer().replaceWords(
                with: fresh,
                second: (
                    agreeing.deviceID,
                    agreeing.secondSignature(revoking: [old.deviceID], after: circle.chain.head)
                ), keyring: circle.keyring)
        }
        try circle.take(agreements[0])
        // What they could open they still can, and nothing more.
        let after = EpochKeyring(chain: circle.chain, device: old, known: Array(before.keys.values))
        #expect(Set(after.keys.keys) == [1, 2])
        #expect(circle.chain.epoch == 3)
        #expect(try circle.keyring(of: old).keys.isEmpty)
        for keys in [fresh, second, circle.first] { #expect(try circle.keyring(of: keys).keys.count == 3) }
        let device = try DeviceKeys.generate()
        func adds(_ words: DeviceKeys) -> String? {
            sealingCode {
                _ = try circle.writer(words).add(
                    device.publicKeys.record, name: "x",
                    counterSignature: device.counterSignature(joining: circle.chain.circle, after: circle.chain.head),
                    keyring: circle.keyring)
            }
        }
        #expect(adds(old) == "E-WIRE-007")
        #expect(adds(fresh) == nil)
        // The other agreement was to the same place, which is taken.
        var copy = circle.chain
        #expect(sealingCode { try copy.append(agreements[1].link) } == "E-WIRE-006")
    }

    @Test func theRecoveryWordsReadEverythingAndBringANewDeviceIn() throws {
        var circle = try SealedCircle()
        _ = try circle.add("second")
        let keyring = try circle.keyring(of: circle.paper)
        let fresh = try DeviceKeys.generate()
        try circle.take(
            circle.writer(circle.paper).add(
                fresh.publicKeys.record, name: "fresh",
                counterSignature: fresh.counterSignature(joining: circle.chain.circle, after: circle.chain.head),
                keyring: keyring))
        try circle.take(circle.writer(circle.paper).epoch(keyring: keyring))
        #expect(try circle.keyring(of: fresh).keys.count == 3)
    }

    @Test func aDeviceIsAddedOnlyWithItsOwnSignatureAndAKeyThatCanBeSealedFor() throws {
        let circle = try SealedCircle()
        let fresh = try DeviceKeys.generate()
        let foreign = try SealedCircle().chain
        for wrong in [
            fresh.counterSignature(joining: foreign.circle, after: circle.chain.head),
            fresh.counterSignature(joining: circle.chain.circle, after: foreign.head),
            circle.first.counterSignature(joining: circle.chain.circle, after: circle.chain.head),
        ] {
            #expect(
                sealingCode {
                    _ = try circle.writer().add(
                        fresh.publicKeys.record, name: "x", counterSignature: wrong, keyring: circle.keyring)
                } == "E-WIRE-005")
        }
        var record = fresh.publicKeys.record
        record.sealingKey = .init(repeating: 0xff, count: 1216)
        #expect(
            sealingCode {
                _ = try circle.writer().add(
                    record, name: "x",
                    counterSignature: fresh.counterSignature(joining: circle.chain.circle, after: circle.chain.head),
                    keyring: circle.keyring)
            } == "E-KEY-042")
    }

    @Test func anEnvelopeOfAnotherEpochOrCircleDoesNotOpen() throws {
        var circle = try SealedCircle()
        let second = try circle.add("second")
        let envelope = try #require(circle.chain.envelopes[second.deviceID])
        #expect(
            sealingCode { _ = try EpochKey.open(envelope, epoch: 3, circle: circle.chain.circle, keys: second) }
                == "E-KEY-041")
        // What this device knew counts, whatever a faulty device put into the next epoch.
        let known = EpochKey.random(epoch: 1)
        let keyring = EpochKeyring(chain: circle.chain, device: second, known: [known])
        #expect(keyring[1]?.isEqual(to: known) == true)
        #expect(keyring.damaged == [1])
        #expect(try circle.keyring(of: second).damaged.isEmpty)
    }

    @Test func noBitOfALinkCanBeChangedAndNoLengthIsTaken() throws {
        var circle = try SealedCircle()
        _ = try circle.add("second")
        let genesis = try DeviceChain(genesis: circle.links[0])
        let bytes = circle.links[1].bytes
        for place in bytes.indices {
            for bit in place < 200 || place > bytes.count - 300 ? Array(0..<8) : [place % 8] {
                var changed = bytes
                changed[place] ^= 1 << UInt8(bit)
                var chain = genesis
                let code = sealingCode { try chain.append(Link(parsing: changed)) }
                #expect(code?.hasPrefix("E-WIRE-") == true, "byte \(place) bit \(bit)")
            }
        }
        for count in bytes.indices {
            #expect(sealingCode { _ = try Link(parsing: Array(bytes[..<count])) } == "E-WIRE-001")
        }
        #expect(sealingCode { _ = try Link(parsing: bytes + [0]) } == "E-WIRE-001")
        #expect(sealingCode { _ = try Link(parsing: bytes + bytes) } == "E-WIRE-001")
    }
}
