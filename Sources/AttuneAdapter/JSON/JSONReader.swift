// Attune
// SPDX-License-Identifier: Apache-2.0

/// Reads JSON (RFC 8259) from untrusted bytes: strict, without duplicate names, with limits on depth and count.
package struct JSONReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    private var valuesLeft: Int
    private static let maximumDepth = 32

    private init(_ bytes: UnsafeRawBufferPointer, maximumValues: Int) {
        self.bytes = bytes
        valuesLeft = maximumValues
    }

    /// Reads exactly one value with nothing but white space around it.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-002.
    package static func read(_ bytes: UnsafeRawBufferPointer, maximumValues: Int = 1_000_000) throws(AdapterError)
        -> JSONValue
    {
        var reader = JSONReader(bytes, maximumValues: maximumValues)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.offset == bytes.count else { throw reader.failure("something follows the value") }
        return value
    }

    /// Reads one value from a text; throws as for bytes.
    package static func read(_ text: String) throws(AdapterError) -> JSONValue {
        try read(Array(text.utf8))
    }

    /// Reads one value from an array; throws as for mapped bytes.
    package static func read(_ bytes: [UInt8]) throws(AdapterError) -> JSONValue {
        let result = bytes.withUnsafeBytes { buffer -> Result<JSONValue, AdapterError> in
            do throws(AdapterError) { return .success(try read(buffer)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private func failure(_ reason: String) -> AdapterError { .json(reason, offset: offset) }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 32 || byte == 10 || byte == 13 || byte == 9 { offset += 1 }
    }

    private mutating func expect(_ text: StaticString) throws(AdapterError) {
        for index in 0..<text.utf8CodeUnitCount {
            guard next == text.utf8Start[index] else { throw failure("expected \(text)") }
            offset += 1
        }
    }

    private mutating func value(depth: Int) throws(AdapterError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw failure("nested too deeply") }
        guard valuesLeft > 0 else { throw failure("too many values") }
        valuesLeft -= 1
        skipSpace()
        switch next {
        case UInt8(ascii: "n"):
            try expect("null")
            return .null
        case UInt8(ascii: "t"):
            try expect("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect("false")
            return .bool(false)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case 45?, 48?, 49?, 50?, 51?, 52?, 53?, 54?, 55?, 56?, 57?: return .number(try number())
        default: throw failure("expected a value")
        }
    }

    private mutating func array(depth: Int) throws(AdapterError) -> [JSONValue] {
        try expect("[")
        var values: [JSONValue] = []
        skipSpace()
        if next == UInt8(ascii: "]") {
            offset += 1
            return values
        }
        while true {
            values.append(try value(depth: depth + 1))
            skipSpace()
            if next == UInt8(ascii: ",") {
                offset += 1
            } else {
                try expect("]")
                return values
            }
        }
    }

    private mutating func object(depth: Int) throws(AdapterError) -> [JSONMember] {
        try expect("{")
        var members: [JSONMember] = []
        var names: Set<String> = []
        skipSpace()
        if next == UInt8(ascii: "}") {
            offset += 1
            return members
        }
        while true {
            skipSpace()
            let name = try string()
            guard names.insert(name).inserted else { throw failure("the name \"\(name.prefix(80))\" appears twice") }
            skipSpace()
            try expect(":")
            members.append(JSONMember(name: name, value: try value(depth: depth + 1)))
            skipSpace()
            if next == UInt8(ascii: ",") {
                offset += 1
            } else {
                try expect("}")
                return members
            }
        }
    }

    private mutating func digits() throws(AdapterError) {
        guard let first = next, first >= 48 && first <= 57 else { throw failure("expected a digit") }
        while let byte = next, byte >= 48 && byte <= 57 { offset += 1 }
    }

    private mutating func number() throws(AdapterError) -> String {
        let start = offset
        if next == UInt8(ascii: "-") { offset += 1 }
        if next == UInt8(ascii: "0") { offset += 1 } else { try digits() }
        if next == UInt8(ascii: ".") {
            offset += 1
            try digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            offset += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
            try digits()
        }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private mutating func string() throws(AdapterError) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while let byte = next {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let value = String(validating: text, as: UTF8.self) else { throw failure("invalid UTF-8") }
                return value
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<32: throw failure("control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("unfinished string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(AdapterError) {
        guard let byte = next else { throw failure("unfinished escape") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if code >= 0xD800 && code < 0xDC00 {
                try expect("\\u")
                let low = try hexadecimal()
                guard low >= 0xDC00 && low < 0xE000 else { throw failure("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
            text.append(contentsOf: Character(scalar).utf8)
        default: throw failure("unknown escape")
        }
    }

    private mutating func hexadecimal() throws(AdapterError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("expected four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }
}
