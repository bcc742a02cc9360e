// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Testing

@Suite struct AttuneFileTests {
    struct Vectors: Decodable {
        let passphrase: String
        let length: Int
        let bytes: HexBytes
    }

    let vector: Vectors
    init() throws { vector = try SchemaVectors.load("attune-file") }

    static func open(_ bytes: [UInt8], _ passphrase: String) throws -> [UInt8] {
        try bytes.withUnsafeBytes { try AttuneFile.open($0, passphrase: SecretBytes(text: passphrase)) }
    }

    static func seal(_ payload: [UInt8]) throws -> [UInt8] {
        try payload.withUnsafeBytes {
            try AttuneFile.seal($0, passphrase: SecretBytes(text: "pass"), cost: .cheapest)
        }
    }

    @Test func aFileMadeElsewhereWithAnUnknownStanzaOpens() throws {
        let opened = try Self.open(vector.bytes.bytes, vector.passphrase)
        #expect(opened == SchemaVectors.content(vector.length))
    }

    @Test(arguments: [0, 1, 65535, 65536, 65537, 131_072, 300_000])
    func payloadsSurviveTheRoundTrip(_ count: Int) throws {
        let payload = SchemaVectors.content(count)
        let file = try Self.seal(payload)
        #expect(try Self.open(file, "pass") == payload)
        #expect(errorCode { _ = try Self.open(file, "other") } == "E-SEAL-011")
        #expect(try Self.seal(payload) != file)
    }

    @Test func aFileForDevicesOpensForThoseAlone() throws {
        let keys = try (0..<3).map { _ in try DeviceKeys.generate() }
        let payload = SchemaVectors.content(70_000)
        let file = try payload.withUnsafeBytes {
            try AttuneFile.seal($0, devices: keys[..<2].map(\.publicKeys))
        }
        for key in keys[..<2] {
            #expect(try file.withUnsafeBytes { try AttuneFile.open($0, device: key) } == payload)
        }
        #expect(errorCode { _ = try file.withUnsafeBytes { try AttuneFile.open($0, device: keys[2]) } } == "E-SEAL-014")
        #expect(errorCode { _ = try Self.open(file, "pass") } == "E-SEAL-012")
        let recipients = try file.withUnsafeBytes { try AttuneFile.recipients($0) }
        #expect(!recipients.takesPassphrase)
        #expect(recipients.devices == keys[..<2].map(\.publicKeys.id))
        for place in [40, 60, 700, 1300, 2000, file.count - 1] {
            var changed = file
            changed[place] ^= 1
            #expect(
                errorCode { _ = try changed.withUnsafeBytes { try AttuneFile.open($0, device: keys[0]) } } != nil,
                "byte \(place)")
        }
        let empty: [UInt8] = []
        #expect(errorCode { _ = try empty.withUnsafeBytes { try AttuneFile.seal($0, devices: []) } } == "E-SEAL-015")
    }

    @Test func everyFlippedBitIsRefused() throws {
        let bytes = vector.bytes.bytes
        let isCost = 61..<77  // a flip here may ask for a gigabyte, which is allowed; tried once below
        for bit in 0..<bytes.count * 8
        where !isCost.contains(bit / 8) && (bit / 8 < 300 || bit % 5 == 0) {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(errorCode { _ = try Self.open(changed, vector.passphrase) } != nil, "bit \(bit)")
        }
    }

    @Test func everyTruncationAndTrailingByteIsRefused() throws {
        let bytes = vector.bytes.bytes
        for count in 0..<bytes.count {
            #expect(errorCode { _ = try Self.open(Array(bytes[..<count]), vector.passphrase) } != nil, "\(count) bytes")
        }
        #expect(errorCode { _ = try Self.open(bytes + [0], vector.passphrase) } != nil)
        let long = try Self.seal(SchemaVectors.content(200_000))
        #expect(errorCode { _ = try Self.open(long + [UInt8](repeating: 0, count: 100), "pass") } != nil)
        // A cut exactly between messages: only the missing last tag tells.
        let overhead = 65536 + 17
        let start = long.count - (200_000 - 3 * 65536 + 17) - 3 * overhead
        for messages in 0...3 {
            #expect(
                errorCode { _ = try Self.open(Array(long[..<(start + messages * overhead)]), "pass") } == "E-SEAL-010")
        }
    }

    @Test func swappedMessagesAreRefused() throws {
        var file = try Self.seal(SchemaVectors.content(200_000))
        let size = 65536 + 17
        let start = file.count - (200_000 - 3 * 65536 + 17) - 3 * size
        let first = Array(file[start..<start + size])
        let second = Array(file[start + size..<start + 2 * size])
        file.replaceSubrange(start..<start + 2 * size, with: second + first)
        #expect(errorCode { _ = try Self.open(file, "pass") } == "E-SEAL-013")
    }

    @Test func hostileHeadersAreRefusedBeforeAnyWork() {
        let bytes = vector.bytes.bytes
        func changed(_ offset: Int, _ value: UInt32) -> [UInt8] {
            var copy = bytes
            withUnsafeBytes(of: value.bigEndian) { copy.replaceSubrange(offset..<offset + 4, with: $0) }
            return copy
        }
        for length: UInt32 in [0, 65537, .max] {
            #expect(errorCode { _ = try Self.open(changed(8, length), "x") } == "E-SEAL-010")
        }
        for count: UInt32 in [0, 1, 33, .max] {
            #expect(errorCode { _ = try Self.open(changed(32, count), "x") } == "E-SEAL-010")
        }
        // The passphrase stanza: memlimit to 4 TiB, opslimit to its highest.
        let slot = 36 + 2 + 15 + 2
        #expect(errorCode { _ = try Self.open(changed(slot + 12, 1024), "x") } == "E-KEY-005")
        #expect(errorCode { _ = try Self.open(changed(slot + 4, .max), "x") } == "E-KEY-005")
    }
}
