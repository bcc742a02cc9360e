// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Testing

@testable import AttuneCrypto

@Suite struct EpochKeyTests {
    let circle = CircleID.filled(9)
    let device = DeviceID.filled(3)

    @Test func aPayloadIsPaddedBoundToItsHeaderAndOpensUnderItsEpochOnly() throws {
        let key = EpochKey.random(epoch: 1)
        for count in [0, 1, 252, 253, 300, 5000] {
            let payload = SchemaVectors.content(count)
            let sealed = key.seal(payload: payload, header: [1, 2])
            #expect(sealed.count == (Padme.padded(max(256, count + 4)) ?? 0) + 40)
            #expect(try key.open(payload: sealed, header: [1, 2]) == payload)
            #expect(errorCode { _ = try key.open(payload: sealed, header: [1, 3]) } == "E-KEY-043")
            #expect(
                errorCode { _ = try EpochKey.random(epoch: 1).open(payload: sealed, header: [1, 2]) } == "E-KEY-043")
        }
        let sealed = key.seal(payload: [7], header: [])
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 0x80
            #expect(errorCode { _ = try key.open(payload: changed, header: []) } == "E-KEY-043")
            #expect(errorCode { _ = try key.open(payload: Array(sealed[..<place]), header: []) } == "E-KEY-043")
        }
    }

    @Test func paddingThatIsNotAsItShouldBeIsRefused() throws {
        let key = EpochKey.random(epoch: 1)
        let aad = Array("attune/v1/entry\0".utf8)
        func open(_ plaintext: [UInt8]) throws -> [UInt8] {
            let sealed = plaintext.withUnsafeBytes { AEAD.seal($0, key: key.subkey("ATentry_"), associatedData: aad) }
            return try key.open(payload: sealed, header: [])
        }
        let zeros = [UInt8](repeating: 0, count: 256)
        #expect(try open(zeros) == [])
        let wrong: [[UInt8]] = [
            [], [0, 0, 0, 0], Array(zeros.dropLast()), zeros + [0], [0, 0, 0, 253] + zeros[4...],
            [0xff, 0xff, 0xff, 0xff] + zeros[4...], zeros[1...] + [1], zeros + zeros,
        ]
        for wrong in wrong {
            #expect(errorCode { _ = try open(wrong) } == "E-KEY-043")
        }
    }

    @Test func epochsAreWalkedBackAndNoLinkOfTheChainCanBeSwapped() throws {
        let keys = (1...3).map { EpochKey.random(epoch: UInt32($0)) }
        let sealed = (1...2).map { keys[$0].seal(previous: keys[$0 - 1], circle: circle) }
        #expect(try keys[2].open(previous: sealed[1], circle: circle).isEqual(to: keys[1]))
        #expect(try keys[1].open(previous: sealed[0], circle: circle).isEqual(to: keys[0]))
        #expect(errorCode { _ = try keys[2].open(previous: sealed[0], circle: circle) } == "E-KEY-043")
        let other = CircleID.filled(8)
        #expect(errorCode { _ = try keys[2].open(previous: sealed[1], circle: other) } == "E-KEY-043")
        #expect(errorCode { _ = try keys[0].open(previous: sealed[0], circle: circle) } == "E-KEY-043")
        #expect(errorCode { _ = try keys[2].open(previous: [], circle: circle) } == "E-KEY-043")
    }

    @Test func theEnvelopeOfAnEpochIsForOneDeviceCircleAndEpoch() throws {
        let keys = try DeviceKeys.generate()
        let key = EpochKey.random(epoch: 4)
        let envelope = try key.envelope(for: keys.publicKeys, circle: circle)
        #expect(try EpochKey.open(envelope, epoch: 4, circle: circle, keys: keys).isEqual(to: key))
        #expect(errorCode { _ = try EpochKey.open(envelope, epoch: 5, circle: circle, keys: keys) } == "E-KEY-041")
        #expect(errorCode { _ = try EpochKey.open(envelope, epoch: 4, circle: nil, keys: keys) } == "E-KEY-041")
        #expect(
            errorCode { _ = try EpochKey.open(envelope, epoch: 4, circle: circle, keys: .generate()) } == "E-KEY-041")
    }

    @Test func aNameBelongsToOneDeviceAndCannotPlayTricksOnATerminal() throws {
        let key = EpochKey.random(epoch: 1)
        for name in ["laptop", "Zoë's Rechner", String(repeating: "x", count: 64)] {
            let sealed = try key.seal(name: name, device: device)
            #expect(sealed.count == 104)
            #expect(try key.open(name: sealed, device: device) == name)
            #expect(
                errorCode { _ = try key.open(name: sealed, device: .filled(4)) } == "E-KEY-043")
        }
        for name in ["", String(repeating: "x", count: 65), "a\u{1b}[2J", "a\nb", "a\0b", "\u{202e}evil", "a\u{200b}b"]
        {
            #expect(errorCode { _ = try key.seal(name: name, device: device) } == "E-KEY-044")
        }
        let context = Array("attune/v1/dname\0".utf8) + device.bytes
        for bytes in [[0x1b, 0x5b], [0xff], [0x61, 0, 0x62], []] as [[UInt8]] {
            let padded = bytes + [UInt8](repeating: 0, count: 64 - bytes.count)
            let sealed = padded.withUnsafeBytes {
                AEAD.seal($0, key: key.subkey("ATdvname"), associatedData: context)
            }
            #expect(errorCode { _ = try key.open(name: sealed, device: device) } == "E-KEY-043")
        }
    }

    // draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    @Test func theSealIsXChaCha20Poly1305() throws {
        let plaintext = Array(
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
                .utf8)
        let sealed = plaintext.withUnsafeBytes {
            AEAD.seal(
                $0, key: SecretBytes(copying: Array(0x80...0x9f)),
                associatedData: Hex.decode("50515253c0c1c2c3c4c5c6c7") ?? [], nonce: Array(0x40...0x57))
        }
        #expect(
            Hex.encode(sealed[24...])
                == "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39"
                + "ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
                + "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49")
    }
}
