// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Cuts a file into lines while holding no more than one chunk and one line of it.
struct DatasetLines {
    /// A line as the reader sees it.
    enum Line {
        /// The bytes without the line feed; valid during the call only.
        case bytes(UnsafeBufferPointer<UInt8>)
        /// A line over the limit, of which nothing was kept.
        case tooLong
    }

    let lineLimit: Int
    let fileLimit: Int

    /// Calls `body` for each line, from 1; a last line need not end in a line feed.
    ///
    /// - Returns: the bytes read, or nil where the file could not be read to its end or outgrew `fileLimit`.
    func forEach(_ file: borrowing DatasetFile, _ body: (_ number: Int, Line) -> Void) -> Int? {
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { chunk.deallocate() }
        var pending: [UInt8] = []
        var isTooLong = false
        var number = 1
        var total = 0
        while let count = file.read(into: chunk) {
            guard count > 0 else {
                if isTooLong || !pending.isEmpty { emit(pending, isTooLong, number, body) }
                return total
            }
            total += count
            guard total <= fileLimit else { return nil }
            var rest = UnsafeRawBufferPointer(rebasing: chunk[..<count])
            while let found = memchr(rest.baseAddress!, 0x0A, rest.count) {
                let length = UnsafeRawPointer(found) - rest.baseAddress!
                let piece = UnsafeRawBufferPointer(rebasing: rest[..<length])
                if pending.isEmpty, !isTooLong, length <= lineLimit {
                    body(number, .bytes(piece.assumingMemoryBound(to: UInt8.self)))
                } else {
                    append(piece, to: &pending, &isTooLong)
                    emit(pending, isTooLong, number, body)
                }
                pending.removeAll(keepingCapacity: true)
                isTooLong = false
                number += 1
                rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
                if rest.isEmpty { break }
            }
            append(rest, to: &pending, &isTooLong)
        }
        return nil
    }

    private func append(_ piece: UnsafeRawBufferPointer, to pending: inout [UInt8], _ isTooLong: inout Bool) {
        if isTooLong || pending.count + piece.count > lineLimit {
            isTooLong = true
            pending = []
        } else {
            pending += piece
        }
    }

    private func emit(_ pending: [UInt8], _ isTooLong: Bool, _ number: Int, _ body: (Int, Line) -> Void) {
        if isTooLong { return body(number, .tooLong) }
        pending.withUnsafeBufferPointer { body(number, .bytes($0)) }
    }
}
