// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import Testing

struct IdentifierTests {
    @Test(arguments: [0, 15, 17, 31, 32, 33])
    func anIdOfSixteenBytesIsMadeOfNoOtherCount(_ count: Int) {
        #expect(DeviceID([UInt8](repeating: 7, count: count)) == nil)
        #expect(DeviceID(hex: String(repeating: "07", count: count)) == nil)
    }

    @Test(arguments: [0, 16, 31, 33, 64])
    func anIdOfThirtyTwoBytesIsMadeOfNoOtherCount(_ count: Int) {
        #expect(ChunkID([UInt8](repeating: 7, count: count)) == nil)
        #expect(ChunkID(hex: String(repeating: "07", count: count)) == nil)
    }

    @Test func digitsAreReadInEitherCaseAndWrittenInOne() throws {
        let id = try #require(BlobID(hex: "00112233445566778899AABBCCDDEEFF"))
        #expect(id.description == "00112233445566778899aabbccddeeff")
        #expect(id.bytes == (0..<16).map { UInt8($0 * 17) })
        #expect(BlobID(hex: "g0112233445566778899aabbccddeeff") == nil)
    }

    @Test func orderIsThatOfTheBytes() throws {
        let small = try #require(EntryHash([UInt8](repeating: 0, count: 31) + [255]))
        let large = try #require(EntryHash([1] + [UInt8](repeating: 0, count: 31)))
        #expect(small < large)
        #expect(EntryHash.zero < small)
        #expect(!(large < small))
    }

    @Test func jsonHasTheDigits() throws {
        let id = try #require(VersionID([UInt8](repeating: 0xab, count: 32)))
        let text = String(decoding: try JSONEncoder().encode([id]), as: UTF8.self)
        #expect(text == "[\"\(String(repeating: "ab", count: 32))\"]")
        #expect(try JSONDecoder().decode([VersionID].self, from: Data(text.utf8)) == [id])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([AdapterID].self, from: Data(text.utf8)) }
    }

    @Test func anIdOfSixteenBytesIsTheStartOfADigest() throws {
        let digest = try #require(Digest256(0..<32))
        #expect(AdapterID(startOf: digest).bytes == Array(0..<16))
        #expect(ChunkID(digest).digest == digest)
    }

    @Test func theIdOfARunIsReadInCapitalsToo() throws {
        #expect(RunID("7C1E") == RunID("7c1e"))
        #expect(try JSONDecoder().decode([RunID].self, from: Data("[\"7c1e\"]".utf8)) == [RunID("7c1e")])
        #expect(String(decoding: try JSONEncoder().encode([RunID("7C1E")]), as: UTF8.self) == "[\"7c1e\"]")
    }
}
