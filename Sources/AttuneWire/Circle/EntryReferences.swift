// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The chunks and the released entries that an entry names, read from its bytes without anything else of it.
///
/// It is for entries that were verified before: what is no entry names nothing.
package struct EntryReferences: Hashable, Sendable {
    /// In the order of the blob, as often as they are named; of them those that were asked for.
    package let chunks: [ChunkID]
    /// How many chunks are named in all.
    package let chunkCount: Int
    package let released: [EntryHash]

    /// Reads what an entry names; an entry of the largest size names 16,384 chunks.
    ///
    /// - Parameters:
    ///   - bytes: a serialised `SignedEntry`.
    ///   - wanted: the places of the chunks that are asked for.
    package init(_ bytes: [UInt8], chunks wanted: Range<Int> = 0..<Int.max) {
        var signed = FieldReader(bytes[...])
        var header: ArraySlice<UInt8> = []
        while let field = signed.next() {
            if field.number == 1, let bytes = field.bytes { header = bytes }
        }
        var fields = FieldReader(header)
        var (chunks, released): ([ChunkID], [EntryHash]) = ([], [])
        var count = 0
        while true {
            let stretch = fields.run(of: 11, length: 32)
            let places = count..<count + stretch.count / 34
            for place in wanted.clamped(to: places) {
                let start = stretch.startIndex + (place - count) * 34 + 2
                if let id = ChunkID(stretch[start..<start + 32]) { chunks.append(id) }
            }
            count = places.upperBound
            guard let field = fields.next() else { break }
            if field.number == 12, let bytes = field.bytes, let id = EntryHash(bytes) { released.append(id) }
        }
        self.chunks = chunks
        chunkCount = count
        self.released = released
    }
}
