// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Cuts a JSON file whose values span lines into them: the elements of lists, or objects one after another.
///
/// Holds one chunk of the file and one value. Only brackets, strings and what stands between values are looked at.
struct JSONDocument {
    /// A value as the reader sees it.
    enum Value {
        /// The bytes of the value; valid during the call only.
        case bytes(UnsafeBufferPointer<UInt8>)
        /// A value over the limit, of which nothing was kept.
        case tooLong
        /// What is wrong between values, or with the end of the file: nothing after it is read.
        case failure(DataIssueCode, String)
    }

    /// A place in a file, both from 1; columns in Unicode scalars.
    struct Place {
        var line = 1
        var column = 1

        /// Where `other` of something that begins here is in the file.
        func adding(_ other: (line: Int, column: Int)) -> Place {
            Place(line: line + other.line - 1, column: other.line == 1 ? column + other.column - 1 : other.column)
        }
    }

    /// Which brackets are open, and whether a string is.
    private struct Nesting {
        private(set) var depth = 0
        private(set) var isInString = false
        private var isEscaped = false

        mutating func take(_ byte: UInt8) {
            if isEscaped {
                isEscaped = false
            } else if isInString {
                isEscaped = byte == UInt8(ascii: "\\")
                isInString = byte != UInt8(ascii: "\"")
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                default: break
                }
            }
        }
    }

    private enum Expected { case value, valueOrEnd, separator }

    private let valueLimit: Int
    private let body: (Place, Value) -> Void
    private var place = Place()
    private var expected = Expected.value
    private var isInList = false
    private var nesting = Nesting()
    private var value: [UInt8] = []
    private var start = Place()
    private var isTooLong = false
    private var hasFailed = false

    /// Whether a file that begins with these bytes has values that span lines.
    ///
    /// It begins with a list, or with an object that its first line leaves open before another key.
    static func isMeant(by beginning: UnsafeBufferPointer<UInt8>) -> Bool {
        let text = beginning[DatasetText.markLength(beginning)...].drop(while: DatasetText.isSpace)
        guard text.first == UInt8(ascii: "{") else { return text.first == UInt8(ascii: "[") }
        guard let end = text.firstIndex(of: UInt8(ascii: "\n")) else { return false }
        var nesting = Nesting()
        for byte in text[..<end] { nesting.take(byte) }
        let next = text[end...].drop(while: DatasetText.isSpace).first
        return nesting.depth > 0 && !nesting.isInString && (next == UInt8(ascii: "\"") || next == UInt8(ascii: "}"))
    }

    /// Calls `body` for each value in order, with where it begins.
    ///
    /// - Returns: the bytes read, or nil if the file could not be read to its end or outgrew `fileLimit`.
    static func forEach(
        _ file: borrowing DatasetFile, valueLimit: Int, fileLimit: Int, _ body: (Place, Value) -> Void
    ) -> Int? {
        withoutActuallyEscaping(body) { body in
            var document = JSONDocument(valueLimit: valueLimit, body: body)
            let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
            defer { chunk.deallocate() }
            var total = 0
            while let count = file.read(into: chunk) {
                guard count > 0 else {
                    document.end()
                    return total
                }
                var bytes = UnsafeRawBufferPointer(rebasing: chunk[..<count])
                if total == 0, bytes.starts(with: DatasetText.byteOrderMark) {
                    bytes = UnsafeRawBufferPointer(rebasing: bytes[DatasetText.byteOrderMark.count...])
                }
                total += count
                guard total <= fileLimit else { return nil }
                for byte in bytes where !document.hasFailed { document.take(byte) }
            }
            return nil
        }
    }

    private init(valueLimit: Int, body: @escaping (Place, Value) -> Void) {
        self.valueLimit = valueLimit
        self.body = body
    }

    private mutating func take(_ byte: UInt8) {
        if nesting.depth > 0 { inside(byte) } else { between(byte) }
        if byte == UInt8(ascii: "\n") {
            place = Place(line: place.line + 1, column: 1)
        } else if byte & 0xC0 != 0x80 {
            place.column += 1
        }
    }

    private mutating func between(_ byte: UInt8) {
        guard !DatasetText.isSpace(byte) else { return }
        switch (byte, expected) {
        case (UInt8(ascii: "{"), .value), (UInt8(ascii: "{"), .valueOrEnd): begin(byte)
        case (UInt8(ascii: "{"), .separator) where !isInList: begin(byte)
        case (UInt8(ascii: "["), .value) where !isInList, (UInt8(ascii: "["), .separator) where !isInList:
            (isInList, expected) = (true, .valueOrEnd)
        case (UInt8(ascii: "["), .value), (UInt8(ascii: "["), .valueOrEnd): begin(byte)
        case (UInt8(ascii: ","), .separator) where isInList: expected = .value
        case (UInt8(ascii: "]"), .valueOrEnd),
            (UInt8(ascii: "]"), .separator) where isInList:
            (isInList, expected) = (false, .separator)
        default:
            let wanted =
                switch expected {
                case .value: "an object"
                case .valueOrEnd: "an object or \"]\""
                case .separator: isInList ? "\",\" or \"]\"" : "an object"
                }
            let found = byte < 0x80 ? Printable.quoted(String(Unicode.Scalar(byte))) : "another character"
            fail(.invalidJSON, "expected \(wanted), found \(found)")
        }
    }

    private mutating func begin(_ byte: UInt8) {
        start = place
        value.removeAll(keepingCapacity: true)
        isTooLong = false
        inside(byte)
    }

    private mutating func inside(_ byte: UInt8) {
        if value.count < valueLimit {
            value.append(byte)
        } else {
            isTooLong = true
        }
        nesting.take(byte)
        guard nesting.depth == 0 else { return }
        value.withUnsafeBufferPointer { body(start, isTooLong ? .tooLong : .bytes($0)) }
        expected = .separator
    }

    private mutating func end() {
        guard !hasFailed else { return }
        if nesting.depth > 0 {
            place = start
            fail(.truncatedJSON, "the file ends before the object that begins here does")
        } else if isInList {
            fail(.truncatedJSON, "the file ends before its list does")
        }
    }

    private mutating func fail(_ code: DataIssueCode, _ message: String) {
        hasFailed = true
        body(place, .failure(code, message + "; nothing after this is read"))
    }
}
