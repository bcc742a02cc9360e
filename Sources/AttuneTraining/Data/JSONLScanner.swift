// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Reads one line of JSON as RFC 8259 spells it and keeps where each value stands.
///
/// Strict: no comments, no trailing commas, no duplicate keys, no lone surrogates. Time and memory are linear in the
/// line; depth and count of values are limited. The memory belongs to the caller and must be valid UTF-8.
struct JSONLScanner {
    static let depthLimit = 64
    static let valueLimit = 250_000

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var values = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Reads the only value of the line.
    mutating func line() throws(JSONLFailure) -> JSONLValue {
        let value = try value(depth: 0)
        skipSpaces()
        guard position == bytes.count else {
            throw JSONLFailure(.trailingText, at: position, "\(found) after the end of the object")
        }
        return value
    }

    private mutating func value(depth: Int) throws(JSONLFailure) -> JSONLValue {
        skipSpaces()
        let start = position
        values += 1
        guard values <= Self.valueLimit else {
            throw JSONLFailure(.tooManyValues, at: start, "the line holds more than \(Self.valueLimit) values")
        }
        guard let first = peek else { throw unexpected("a value") }
        switch first {
        case UInt8(ascii: "\""): return JSONLValue(offset: start, kind: .string(try string()))
        case UInt8(ascii: "{"): return JSONLValue(offset: start, kind: .object(try object(depth: depth + 1)))
        case UInt8(ascii: "["): return JSONLValue(offset: start, kind: .array(try array(depth: depth + 1)))
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return JSONLValue(offset: start, kind: .number(try number()))
        default: throw unexpected("a value")
        }
    }

    private mutating func object(depth: Int) throws(JSONLFailure) -> [JSONLValue.Member] {
        try enter(depth)
        var members: [JSONLValue.Member] = []
        var keys: Set<String> = []
        skipSpaces()
        if take(UInt8(ascii: "}")) { return members }
        while true {
            skipSpaces()
            let keyOffset = position
            guard peek == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
            let key = try string()
            guard keys.insert(key).inserted else {
                throw JSONLFailure(.duplicateKey, at: keyOffset, "the key \(Printable.quoted(key)) is there twice")
            }
            skipSpaces()
            guard take(UInt8(ascii: ":")) else { throw unexpected("\":\" after the key \(Printable.quoted(key))") }
            members.append(.init(key: key, keyOffset: keyOffset, value: try value(depth: depth)))
            skipSpaces()
            if take(UInt8(ascii: "}")) { return members }
            guard take(UInt8(ascii: ",")) else { throw unexpected("\",\" or \"}\"") }
        }
    }

    private mutating func array(depth: Int) throws(JSONLFailure) -> [JSONLValue] {
        try enter(depth)
        var elements: [JSONLValue] = []
        skipSpaces()
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value(depth: depth))
            skipSpaces()
            if take(UInt8(ascii: "]")) { return elements }
            guard take(UInt8(ascii: ",")) else { throw unexpected("\",\" or \"]\"") }
        }
    }

    private mutating func enter(_ depth: Int) throws(JSONLFailure) {
        guard depth <= Self.depthLimit else {
            throw JSONLFailure(.nestedTooDeeply, at: position, "nested deeper than \(Self.depthLimit) levels")
        }
        position += 1
    }

    /// Reads `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`, of any size.
    private mutating func number() throws(JSONLFailure) -> Double {
        let start = position
        var isValid = true
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { isValid = digits() > 0 }
        if isValid, take(UInt8(ascii: ".")) { isValid = digits() > 0 }
        if isValid, take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            isValid = digits() > 0
        }
        if let next = peek, isValid {
            // What may follow a number is a space, a comma or a closing bracket: 01, 1a and 1.2.3 are misspelled.
            isValid = !(next == UInt8(ascii: ".") || next == UInt8(ascii: "_") || isAlphanumeric(next))
        }
        guard isValid else { throw JSONLFailure(.invalidNumber, at: start, "a number is not spelled as JSON wants it") }
        return Double(String(decoding: bytes[start..<position], as: UTF8.self)) ?? .infinity
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        return position - start
    }

    private mutating func word(_ word: StaticString, _ kind: JSONLValue.Kind) throws(JSONLFailure) -> JSONLValue {
        let start = position
        for index in 0..<word.utf8CodeUnitCount {
            guard peek == word.utf8Start[index] else {
                if position >= bytes.count { throw unexpected("\(word)") }
                throw JSONLFailure(.invalidJSON, at: start, "expected \(word)")
            }
            position += 1
        }
        if let next = peek, isAlphanumeric(next) {
            throw JSONLFailure(.invalidJSON, at: start, "expected \(word)")
        }
        return JSONLValue(offset: start, kind: kind)
    }
}

// MARK: - Strings

extension JSONLScanner {
    /// Reads a string from its opening quote on.
    private mutating func string() throws(JSONLFailure) -> String {
        position += 1
        var text: [UInt8] = []
        var run = position
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                text += bytes[run..<position]
                position += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text += bytes[run..<position]
                try escape(into: &text)
                run = position
            case 0..<0x20:
                let name = String(byte, radix: 16, uppercase: true)
                throw JSONLFailure(
                    .controlCharacter, at: position,
                    "a control character (0x\(name)) stands in a string; write it as \\u\(pad(name))")
            default: position += 1
            }
        }
        throw JSONLFailure(.truncatedJSON, at: position, "the line ends inside a string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONLFailure) {
        let start = position
        position += 1
        guard let kind = peek else {
            throw JSONLFailure(.truncatedJSON, at: position, "the line ends inside a string")
        }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"): text += Unicode.UTF8.encode(try scalar(from: start)) ?? .init()
        default:
            throw JSONLFailure(
                .invalidEscape, at: start, "JSON has no such escape; a backslash itself is written \\\\")
        }
    }

    /// Reads the digits of `\uXXXX`, and of the second half where the first is a high surrogate.
    private mutating func scalar(from start: Int) throws(JSONLFailure) -> Unicode.Scalar {
        let first = try hexDigits(from: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        {
            let next = position
            position += 2
            let second = try hexDigits(from: next)
            if second >= 0xDC00, second < 0xE000,
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
        }
        throw JSONLFailure(
            .loneSurrogate, at: start,
            "\\u\(pad(String(first, radix: 16))) is half of a surrogate pair, without the other half")
    }

    private mutating func hexDigits(from start: Int) throws(JSONLFailure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek else {
                throw JSONLFailure(.truncatedJSON, at: position, "the line ends inside a string")
            }
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw JSONLFailure(.invalidEscape, at: start, "\\u wants four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private func pad(_ digits: String) -> String { String(repeating: "0", count: max(0, 4 - digits.count)) + digits }
}

// MARK: - Characters

extension JSONLScanner {
    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpaces() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A { position += 1 }
    }

    private func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }

    /// The character at the present position, quoted.
    private var found: String {
        var end = position + 1
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
        return Printable.quoted(String(decoding: bytes[position..<end], as: UTF8.self))
    }

    private func unexpected(_ wanted: String) -> JSONLFailure {
        guard position < bytes.count else {
            return JSONLFailure(.truncatedJSON, at: position, "the line ends where \(wanted) should follow")
        }
        return JSONLFailure(.invalidJSON, at: position, "expected \(wanted), found \(found)")
    }
}
