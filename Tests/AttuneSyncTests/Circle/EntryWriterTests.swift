// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneTestSupport
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

@Suite struct EntryWriterTests {
    private func write(
        _ circle: SealedCircle, by keys: DeviceKeys, _ draft: EntryDraft, seq: UInt64 = 1, previous: EntryHash? = nil
    ) throws -> Entry {
        try EntryWriter(keys: keys).entry(
            draft, at: circle.place(of: keys, seq: seq, previous: previous),
            key: #require(circle.keyring[circle.chain.epoch]))
    }

    private func version(chunks: Int = 2, encoded: UInt64 = 1_500_000) throws -> EntryDraft {
        let payload = ProtoEntryPayload.with {
            $0.version = .with {
                $0.adapter = Data(repeating: 1, count: 16)
                $0.name = "diary"
                $0.base = Data(repeating: 2, count: 32)
                $0.version = Data(repeating: 3, count: 32)
                $0.manifest = "{}"
                $0.number = 1
                $0.blob = .with {
                    $0.id = Data(repeating: 4, count: 16)
                    $0.key = Data(repeating: 5, count: 32)
                    $0.size = 2_000_000
                    $0.encodedSize = encoded
                    $0.digest = Data(repeating: 6, count: 32)
                    $0.codec = 1
                }
            }
        }
        let ids = (0..<chunks).map { ChunkID.filled(UInt8(200 - $0)) }
        return EntryDraft(id: 1, kind: .version, payload: try payload.serializedBytes(), parents: [], chunks: ids)
    }

    @Test func anotherDeviceVerifiesAndOpensWhatOneWrote() throws {
        var circle = try SealedCircle()
        let second = try circle.add("second")
        let entry = try write(circle, by: circle.first, version())
        let chain = try DeviceChain(verifying: circle.links.map(\.bytes))
        let received = try Entry(parsing: entry.bytes)
        #expect(received == entry)
        #expect(try chain.author(of: received).id == circle.first.deviceID)
        let payload = try EntryReader(keyring: circle.keyring(of: second)).payload(of: received)
        #expect(payload.version.name == "diary")
        #expect(received.chunks.count == 2)
        #expect(entry.bytes.firstRange(of: Array("diary".utf8)) == nil)
    }

    @Test func onlyActiveDevicesOfTheCircleAreAuthors() throws {
        var circle = try SealedCircle()
        let second = try circle.add("second")
        let third = try circle.add("third")
        let stranger = try DeviceKeys.generate()
        let rename = try SealedCircle.rename("x")
        let foreign = try write(circle, by: stranger, rename)
        #expect(sealingCode { _ = try circle.chain.author(of: foreign) } == "E-WIRE-008")
        let paper = try write(circle, by: circle.paper, rename)
        #expect(sealingCode { _ = try circle.chain.author(of: paper) } == "E-WIRE-008")
        let other = try SealedCircle()
        let elsewhere = try write(other, by: other.first, rename)
        #expect(sealingCode { _ = try circle.chain.author(of: elsewhere) } == "E-WIRE-011")

        let one = try write(circle, by: third, rename)
        let two = try write(circle, by: third, rename, seq: 2, previous: one.hash)
        let fork = try write(circle, by: third, SealedCircle.rename("y"), seq: 2, previous: one.hash)
        let late = try write(circle, by: third, rename, seq: 3, previous: two.hash)
        _ = try circle.chain.author(of: late)
        try circle.take(
            circle.writer().revoke(
                [third.deviceID: two.position], keyring: circle.keyring))
        _ = try circle.chain.author(of: one)
        _ = try circle.chain.author(of: two)
        for entry in [late, fork] {
            #expect(sealingCode { _ = try circle.chain.author(of: entry) } == "E-WIRE-009")
        }
        _ = try circle.chain.author(of: write(circle, by: second, rename))
    }

    @Test func anEpochOfLinksThatAreNotHereYetIsSaidToBeSo() throws {
        var circle = try SealedCircle()
        let before = circle.chain
        _ = try circle.add("second")
        let entry = try write(circle, by: circle.first, SealedCircle.rename("x"))
        #expect(sealingCode { _ = try before.author(of: entry) } == "E-WIRE-010")
        let keyring = EpochKeyring(chain: before, device: circle.first)
        #expect(sealingCode { _ = try EntryReader(keyring: keyring).payload(of: entry) } == "E-KEY-043")
    }

    @Test func noBitOfAnEntryCanBeChangedAndNoLengthIsTaken() throws {
        let circle = try SealedCircle()
        let bytes = try write(circle, by: circle.first, version()).bytes
        for place in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[place] ^= 1 << UInt8(bit)
                let code = sealingCode { _ = try circle.chain.author(of: Entry(parsing: changed)) }
                #expect(code?.hasPrefix("E-WIRE-") == true, "byte \(place) bit \(bit)")
            }
            #expect(sealingCode { _ = try Entry(parsing: Array(bytes[..<place])) } == "E-WIRE-002")
        }
        #expect(sealingCode { _ = try Entry(parsing: bytes + [0]) } == "E-WIRE-002")
    }

    @Test func limitsHoldForTheWriterToo() throws {
        let circle = try SealedCircle()
        #expect(sealingCode { _ = try write(circle, by: circle.first, version(chunks: 0)) } == "E-WIRE-002")
        let many = try version(chunks: 1, encoded: 100_000)
        let ids = (0..<16_385).compactMap { number in
            ChunkID((0..<32).map { UInt8(truncatingIfNeeded: number >> ($0 % 4 * 8)) })
        }
        let draft = EntryDraft(id: 1, kind: .version, payload: many.payload, parents: [], chunks: ids)
        #expect(sealingCode { _ = try write(circle, by: circle.first, draft) } == "E-WIRE-002")
        let fits = EntryDraft(id: 1, kind: .version, payload: many.payload, parents: [], chunks: Array(ids.dropLast()))
        #expect(try write(circle, by: circle.first, fits).chunks.count == 16_384)
        let parents = EntryDraft(
            id: 1, kind: .version, payload: many.payload, parents: (1...9).map { .filled($0) },
            chunks: Array(ids[..<1]))
        #expect(sealingCode { _ = try write(circle, by: circle.first, parents) } == "E-WIRE-002")
        let large = try SealedCircle.rename(String(repeating: "x", count: 257))
        #expect(sealingCode { _ = try write(circle, by: circle.first, large) } == "E-WIRE-012")
    }

    @Test func aVersionWhoseChunksAndSizesDisagreeIsRefused() throws {
        let circle = try SealedCircle()
        let reader = EntryReader(keyring: circle.keyring)
        for (chunks, encoded) in [(1, 1_500_000), (3, 1_500_000), (2, 100), (1, 1 << 34)] as [(Int, UInt64)] {
            #expect(
                sealingCode {
                    _ = try reader.payload(
                        of: write(circle, by: circle.first, version(chunks: chunks, encoded: encoded)))
                } == "E-WIRE-012")
        }
    }

    @Test func smallChangesLookAlikeFromOutside() throws {
        let circle = try SealedCircle()
        let sizes = try ["a", String(repeating: "b", count: 200)].map {
            try write(circle, by: circle.first, SealedCircle.rename($0)).bytes.count
        }
        #expect(Set(sizes).count == 1)
    }
}
