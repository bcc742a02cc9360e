// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Checks that bytes are UTF-8 text and finds the exact place where they stop being so.
enum DatasetText {
    /// The bytes of a byte order mark, which is no part of the text.
    static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Count of bytes of a byte order mark at the start: 3 or 0.
    static func markLength(_ bytes: UnsafeBufferPointer<UInt8>) -> Int { bytes.starts(with: byteOrderMark) ? 3 : 0 }

    /// Offset of the first byte that starts no well-formed UTF-8 sequence (Unicode, table 3-7); nil if all is well.
    static func firstInvalid(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        var index = 0
        while index < bytes.count {
            if index + 8 <= bytes.count,
                UnsafeRawPointer(bytes.baseAddress! + index).loadUnaligned(as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                index += 8
                continue
            }
            guard let length = sequence(bytes, at: index) else { return index }
            index += length
        }
        return nil
    }

    /// Whether a byte is a space, a tab or one that ends a line.
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// Length of the well-formed sequence at `index`; nil if there is none.
    private static func sequence(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Int? {
        let first = bytes[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEC, 0xEE...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return nil
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return nil }
        for offset in 2..<max(length, 2) where bytes[index + offset] & 0xC0 != 0x80 { return nil }
        return length
    }

    /// Column of `offset` in a line: 1 and the Unicode scalars before it.
    static func column(_ line: UnsafeBufferPointer<UInt8>, of offset: Int) -> Int {
        1 + line[..<min(offset, line.count)].count { $0 & 0xC0 != 0x80 }
    }

    /// Line and column of `offset` in a file.
    static func place(_ bytes: UnsafeBufferPointer<UInt8>, of offset: Int) -> (line: Int, column: Int) {
        var line = 1
        var start = 0
        for index in 0..<offset where bytes[index] == 0x0A {
            line += 1
            start = index + 1
        }
        return (line, column(UnsafeBufferPointer(rebasing: bytes[start...]), of: offset - start))
    }

    /// The text with line ends written as line feeds, as text editors and Python read them; a mark at the start is left
    /// out. The bytes must be UTF-8.
    static func normalized(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        let text = UnsafeBufferPointer(rebasing: bytes[markLength(bytes)...])
        guard text.contains(0x0D) else { return String(decoding: text, as: UTF8.self) }
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        for (index, byte) in text.enumerated() {
            if byte != 0x0D {
                result.append(byte)
            } else if index + 1 == text.count || text[index + 1] != 0x0A {
                result.append(0x0A)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

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
    /// - Returns: the bytes read, or nil if the file could not be read to its end or outgrew `fileLimit`.
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
