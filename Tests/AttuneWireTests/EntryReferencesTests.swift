// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

@Suite("What an entry names, read from its bytes") struct EntryReferencesTests {
    private func ids(_ count: Int) -> [Data] {
        (0..<count).map { _ in Data((0..<32).map { _ in UInt8.random(in: 0...255) }) }
    }

    private func entry(chunks: [Data], released: [Data]) throws -> [UInt8] {
        var header = ProtoEntryHeader()
        header.circle = Data(repeating: 11 << 3 | 2, count: 32)
        header.seq = 7
        header.chunks = chunks
        header.released = released
        var signed = ProtoSignedEntry()
        signed.header = try header.serializedData()
        signed.signature = Data(repeating: 32, count: 64)
        return try signed.serializedBytes()
    }

    @Test("it is what the message says, whole and any part of it", arguments: [0, 1, 2, 127, 1000])
    func whole(count: Int) throws {
        let (chunks, released) = (ids(count), ids(count / 3))
        let bytes = try entry(chunks: chunks, released: released)
        let whole = EntryReferences(bytes)
        #expect(whole.chunks.map(\.bytes) == chunks.map { [UInt8]($0) })
        #expect(whole.released.map(\.bytes) == released.map { [UInt8]($0) })
        #expect(whole.chunkCount == count)
        for part in [0..<0, 0..<1, count / 2..<count, max(0, count - 5)..<count + 5, count + 1..<count + 9] {
            let some = EntryReferences(bytes, chunks: part)
            #expect(some.chunks == Array(whole.chunks[part.clamped(to: 0..<count)]), "\(part)")
            #expect(some.chunkCount == count)
            #expect(some.released == whole.released)
        }
    }

    @Test("bytes that end anywhere name no more than was there")
    func cutOff() throws {
        let bytes = try entry(chunks: ids(5), released: ids(5))
        let whole = EntryReferences(bytes)
        for end in bytes.indices {
            let some = EntryReferences(Array(bytes[..<end]))
            #expect(whole.chunks.starts(with: some.chunks), "\(end)")
            #expect(whole.released.starts(with: some.released), "\(end)")
        }
    }
}
