// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

/// Messages as an attacker writes them: giant counts, wrong orders, second encodings, nesting.
@Suite struct HostileMessageTests {
    let author = TestDevice(1)

    private func entry(
        pad: Int = 256, _ change: (inout ProtoEntryHeader) -> Void = { _ in }, raw: [UInt8] = []
    ) throws -> [UInt8] {
        var header = ProtoEntryHeader.with {
            $0.version = Entry.version
            $0.kind = .change
            $0.circle = Data(repeating: 9, count: 32)
            $0.device = Data(author.id.bytes)
            $0.seq = 2
            $0.previous = Data(repeating: 8, count: 32)
            $0.epoch = 1
            $0.lamport = 2
        }
        change(&header)
        let encoded: [UInt8] = try header.serializedBytes() + raw
        let sealed = [UInt8](repeating: 0, count: pad + 40)
        let signed = ProtoSignedEntry.with {
            $0.header = Data(encoded)
            $0.sealed = Data(sealed)
            $0.signature = Data(author.sign(SignedText.entry(Entry.hash(header: encoded, sealed: sealed))))
        }
        return try signed.serializedBytes()
    }

    private func code(_ change: (inout ProtoEntryHeader) -> Void) throws -> String? {
        let bytes = try entry(change)
        return errorCode { _ = try Entry(parsing: bytes) }
    }

    @Test func aProperEntryIsTakenAndVerified() throws {
        let entry = try Entry(parsing: entry())
        try entry.verify(signingKey: author.publicKey)
        #expect(errorCode { try entry.verify(signingKey: TestDevice(2).publicKey) } == "E-WIRE-005")
        #expect(errorCode { try entry.verify(signingKey: []) } == "E-WIRE-005")
    }

    @Test func numbersOutOfRangeAreRefused() throws {
        for change in [
            { $0.seq = 0 }, { $0.seq = .max }, { $0.seq = 1 }, { $0.lamport = 0 }, { $0.lamport = .max },
            { $0.lamport = 1 }, { $0.epoch = 0 }, { $0.epoch = .max }, { $0.previous = Data(count: 32) },
            { $0.previous = Data() }, { $0.device = Data(count: 15) }, { $0.circle = Data(count: 33) },
        ] as [(inout ProtoEntryHeader) -> Void] {
            #expect(try code(change) == "E-WIRE-002")
        }
        #expect(try code { $0.version = 2 } == "E-WIRE-004")
        #expect(try code { $0.kind = .unspecified } == "E-WIRE-004")
        #expect(try code { $0.kind = .UNRECOGNIZED(77) } == "E-WIRE-004")
    }

    @Test func listsAreSortedUniqueAndShort() throws {
        let two = Data(repeating: 2, count: 32)
        let one = Data(repeating: 1, count: 32)
        for change in [
            { $0.parents = [two, one] }, { $0.parents = [one, one] }, { $0.parents = [Data(count: 31)] },
            { $0.parents = (0..<9).map { Data(repeating: $0, count: 32) } },
            {
                $0.kind = .release; $0.released = [two, one]
            }, { $0.kind = .release },
            { $0.released = [one] }, { $0.chunks = [one] }, { $0.kind = .version },
            {
                $0.kind = .version; $0.chunks = [one, Data()]
            },
            {
                $0.frontier = [
                    .with {
                        $0.device = Data(count: 16); $0.seq = 0; $0.entry = one
                    }
                ]
            },
            {
                $0.frontier = [
                    .with {
                        $0.device = Data(count: 16); $0.seq = 1
                    }
                ]
            },
            {
                $0.frontier = (0..<2).map { _ in
                    .with {
                        $0.device = Data(count: 16); $0.seq = 1; $0.entry = one
                    }
                }
            },
            { [id = author.id] in
                $0.frontier = [
                    .with {
                        $0.device = Data(id.bytes); $0.seq = 1; $0.entry = one
                    }
                ]
            },
        ] as [(inout ProtoEntryHeader) -> Void] {
            #expect(try code(change) == "E-WIRE-002")
        }
    }

    @Test(arguments: [1025, 8000])
    func aFrontierOfTooManyDevicesIsRefused(_ count: Int) throws {
        let bytes = try entry { header in
            header.frontier = (0..<count).map { number in
                .with {
                    $0.device = Data([UInt8](repeating: 0, count: 14) + [UInt8(number >> 8), UInt8(number & 255)])
                    $0.seq = 1
                    $0.entry = Data(count: 32)
                }
            }
        }
        #expect(errorCode { _ = try Entry(parsing: bytes) } == "E-WIRE-002")
    }

    @Test func aMillionEmptyItemsAreRefusedBySizeOrCount() throws {
        for count in [300_000, 1_000_000] {
            // Field 9 and 11, each with length 0.
            for tag in [UInt8(0x4a), 0x5a] {
                let raw = [UInt8](unsafeUninitializedCapacity: count * 2) { buffer, initialized in
                    for place in 0..<count * 2 { buffer[place] = place % 2 == 0 ? tag : 0 }
                    initialized = count * 2
                }
                let bytes = try entry(raw: raw)
                let code = errorCode { _ = try Entry(parsing: bytes) }
                #expect(code == "E-WIRE-002" || code == "E-WIRE-003")
            }
        }
    }

    @Test func otherEncodingsOfTheSameMessageAreRefused() throws {
        // An unknown field, a field given twice, a default written out, a longer varint.
        for raw in [[0xa0, 0x06, 0x01], [0x28, 0x02], [0x3a, 0x00], [0x40, 0x82, 0x00]] as [[UInt8]] {
            let bytes = try entry(raw: raw)
            #expect(errorCode { _ = try Entry(parsing: bytes) } == "E-WIRE-002")
        }
    }

    @Test func sizesAreCheckedFirst() throws {
        #expect(errorCode { _ = try Entry(parsing: [UInt8](repeating: 0, count: 1 << 21)) } == "E-WIRE-003")
        #expect(errorCode { _ = try Link(parsing: [UInt8](repeating: 0, count: 1 << 18)) } == "E-WIRE-003")
        let large = try entry(pad: WireLimits.sealedBytes)
        #expect(errorCode { _ = try Entry(parsing: large) } == "E-WIRE-003")
        let small = try entry(pad: 255)
        #expect(errorCode { _ = try Entry(parsing: small) } == "E-WIRE-002")
        // A length that says 2⁶³ and more.
        let giant: [UInt8] = [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
        #expect(errorCode { _ = try Entry(parsing: giant) } == "E-WIRE-002")
        #expect(errorCode { _ = try Link(parsing: giant) } == "E-WIRE-001")
    }

    @Test func payloadsAreOfTheirKindAndWithinLimits() throws {
        func code(_ kind: ProtoEntryKind, _ payload: ProtoEntryPayload) throws -> String? {
            let bytes: [UInt8] = try payload.serializedBytes()
            return errorCode { _ = try ProtoEntryPayload(parsing: bytes, of: kind) }
        }
        let rename = ProtoEntryPayload.with {
            $0.change.adapter = Data(count: 16)
            $0.change.name = "x"
        }
        #expect(try code(.change, rename) == nil)
        #expect(try code(.version, rename) == "E-WIRE-012")
        #expect(try code(.change, ProtoEntryPayload()) == "E-WIRE-004")
        #expect(try code(.change, .with { $0.change.adapter = Data(count: 16) }) == "E-WIRE-004")
        for name in ["", "\u{1b}[31m", "a\u{202e}b", String(repeating: "x", count: 257)] {
            var payload = rename
            payload.change.name = name
            #expect(try code(.change, payload) == "E-WIRE-012")
        }
        var blob = ProtoEntryPayload.with {
            $0.version = .with {
                $0.adapter = Data(count: 16)
                $0.name = "x"
                $0.base = Data(count: 32)
                $0.version = Data(count: 32)
                $0.manifest = "{}"
                $0.number = 1
                $0.blob = .with {
                    $0.id = Data(count: 16)
                    $0.key = Data(count: 32)
                    $0.digest = Data(count: 32)
                    $0.size = 6400
                    $0.encodedSize = 100
                }
            }
        }
        #expect(try code(.version, blob) == nil)
        blob.version.lossAfter = .nan
        #expect(try code(.version, blob) == "E-WIRE-012")
        blob.version.clearLossAfter()
        for (size, encoded) in [(0, 1), (1, 0), (.max, 1), (6500, 100), (10 << 30, 1 << 20), (.max, .max)]
            as [(UInt64, UInt64)]
        {
            blob.version.blob.size = size
            blob.version.blob.encodedSize = encoded
            #expect(try code(.version, blob) == "E-WIRE-012")
        }
    }

    @Test func linksAreCountedBeforeAnythingIsMadeOfThem() throws {
        func code(_ bytes: [UInt8]) -> String? { errorCode { _ = try ProtoLinks(parsing: bytes) } }
        let empty: [UInt8] = [0x0a, 0x00]
        let limit = Int(WireLimits.links)
        #expect(try ProtoLinks(parsing: Array(repeatElement(empty, count: limit).joined())).links.count == limit)
        #expect(code(Array(repeatElement(empty, count: limit + 1).joined())) == "E-WIRE-001")
        // Thirty-two million empty links would have 1.6 GB.
        #expect(code(Array(repeatElement(empty, count: 1 << 20).joined())) == "E-WIRE-001")
        for bytes in [
            [0x0a], [0x0a, 0x01], [0x0b], [0x0f], [0x08], [0x0a, 0x80], [0x09, 1, 2], [0x0d, 1],
            [UInt8](repeating: 0xff, count: 11), [0x0a] + [UInt8](repeating: 0xff, count: 9) + [0x01],
        ] as [[UInt8]] {
            #expect(code(bytes) == "E-WIRE-001", "\(bytes)")
        }
        #expect(code([]) == nil)
    }

    @Test func pairingMessagesHaveTheirExactLengths() throws {
        func code(_ fill: (inout ProtoPairingMessage) -> Void) throws -> String? {
            var message = ProtoPairingMessage()
            message.version = 1
            fill(&message)
            let bytes: [UInt8] = try message.serializedBytes()
            return errorCode { _ = try ProtoPairingMessage(parsing: bytes) }
        }
        #expect(try code { $0.nonce = Data(count: 16) } == nil)
        #expect(try code { $0.nonce = Data(count: 17) } == "E-WIRE-030")
        #expect(try code { $0.share.point = Data(count: 32) } == "E-WIRE-030")
        #expect(try code { $0.confirmation = Data(count: 63) } == "E-WIRE-030")
        #expect(try code { $0.sealed = Data(count: 39) } == "E-WIRE-030")
        #expect(try code { _ in } == "E-WIRE-030")
        #expect(
            try code {
                $0.nonce = Data(count: 16); $0.version = 2
            } == "E-WIRE-004")
        #expect(try code { $0.sealed = Data(count: 16 << 10) } == "E-WIRE-003")
        for bytes in [[0x08], [0xff], [0x08, 0x01, 0x12]] as [[UInt8]] {
            #expect(errorCode { _ = try ProtoPairingMessage(parsing: bytes) } == "E-WIRE-030")
            #expect(errorCode { _ = try ProtoPairingOffer(parsing: bytes) } == "E-WIRE-030")
            #expect(errorCode { _ = try ProtoPairingAnswer(parsing: bytes) } == "E-WIRE-030")
            #expect(errorCode { _ = try ProtoPairingDone(parsing: bytes) } == "E-WIRE-030")
        }
    }
}
