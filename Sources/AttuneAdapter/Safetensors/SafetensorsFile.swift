// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// The tensors of a safetensors file, read from memory that is not trusted.
///
/// Layout: u64 little-endian length N, N bytes of JSON, then the data; ranges start at 0, touch each other without
/// holes or overlaps and end with the file. Everything is checked before anything is used.
package struct SafetensorsFile: Sendable {
    /// What the header says of one tensor.
    package struct Entry: Hashable, Sendable {
        package let name: String
        /// Name of the number type, such as `F32`; may be one that cannot be converted.
        package let type: String
        package let shape: [Int]
        /// Where the numbers lie, counted from the start of the file.
        package let range: Range<Int>
        /// Count of numbers.
        package let count: Int
    }

    /// In the order of their data.
    package let entries: [Entry]
    /// `__metadata__`, in the order written.
    package let metadata: [(name: String, value: String)]
    private let index: [String: Int]

    package subscript(name: String) -> Entry? { index[name].map { entries[$0] } }

    /// Reads the header of `bytes`, which must be the whole file.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-001 or E-ADAPTER-002.
    package init(_ bytes: UnsafeRawBufferPointer) throws(AdapterError) { try self.init(bytes, size: bytes.count) }

    /// Reads the header of a file of `size` bytes, of which `bytes` are the first, with all of the header.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-001 or E-ADAPTER-002.
    init(_ bytes: UnsafeRawBufferPointer, size: Int) throws(AdapterError) {
        guard bytes.count >= 8 else { throw .safetensors("shorter than eight bytes") }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= 100_000_000, length <= UInt64(bytes.count - 8) else {
            throw .safetensors("the header of \(length) bytes does not fit")
        }
        let start = 8 + Int(length)
        guard length > 0, bytes[8] == UInt8(ascii: "{") else { throw .safetensors("the header is not an object") }
        let header = try JSONReader.read(UnsafeRawBufferPointer(rebasing: bytes[8..<start]))
        guard let members = header.members else { throw .safetensors("the header is not an object") }
        var metadata: [(name: String, value: String)] = []
        var entries: [Entry] = []
        for member in members {
            if member.name == "__metadata__" {
                guard let pairs = member.value.members else { throw .safetensors("__metadata__ is not an object") }
                for pair in pairs {
                    guard let text = pair.value.text else { throw .safetensors("metadata that is not text") }
                    metadata.append((pair.name, text))
                }
            } else {
                entries.append(try Self.entry(member, dataStart: start, dataCount: size - start))
            }
        }
        entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        var end = start
        for entry in entries {
            guard entry.range.lowerBound == end else {
                throw .safetensors("\(entry.name.prefix(200)) overlaps another tensor or leaves a hole")
            }
            end = entry.range.upperBound
        }
        guard end == size else { throw .safetensors("\(size - end) bytes belong to no tensor") }
        self.metadata = metadata
        self.entries = entries
        index = Dictionary(entries.enumerated().map { ($1.name, $0) }) { first, _ in first }
    }

    private static func entry(_ member: JSONMember, dataStart: Int, dataCount: Int) throws(AdapterError) -> Entry {
        let name = String(member.name.prefix(200))
        guard let type = member.value["dtype"]?.text, let bits = SafetensorsType.bits(of: type) else {
            throw .safetensors("\(name) has no known dtype")
        }
        guard let dimensions = member.value["shape"]?.elements, dimensions.count <= 8 else {
            throw .safetensors("\(name) has no valid shape")
        }
        guard let offsets = member.value["data_offsets"]?.elements, offsets.count == 2,
            let begin = offsets[0].integer, let end = offsets[1].integer, begin >= 0, begin <= end, end <= dataCount
        else { throw .safetensors("\(name) lies outside of the file") }
        var shape: [Int] = []
        var count = 1
        for dimension in dimensions {
            guard let size = dimension.integer, size >= 0 else { throw .safetensors("\(name) has no valid shape") }
            shape.append(size)
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow else { throw .safetensors("the shape of \(name) is too large") }
            count = product
        }
        let (total, overflow) = count.multipliedReportingOverflow(by: bits)
        guard !overflow, total % 8 == 0, total / 8 == end - begin else {
            throw .safetensors("\(name) has \(end - begin) bytes, which is not what its shape needs")
        }
        return Entry(
            name: member.name, type: type, shape: shape, range: dataStart + begin..<dataStart + end, count: count)
    }

    /// Converts the numbers of `entry` to Float, row-major, into `destination` of equal count.
    ///
    /// `bytes` is the memory that `init` read. F64 is rounded to nearest; F16 and BF16 are exact.
    /// - Throws: `AdapterError` E-ADAPTER-001 for integer types, E-ADAPTER-003 if a number is not finite.
    package static func convert(
        _ entry: Entry, of bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableBufferPointer<Float>
    ) throws(AdapterError) {
        precondition(destination.count == entry.count, "\(destination.count) places for \(entry.count) numbers")
        guard let type = SafetensorsType(rawValue: entry.type) else {
            throw .safetensors("\(entry.name.prefix(200)) is stored as \(entry.type)")
        }
        let source = UnsafeRawBufferPointer(rebasing: bytes[entry.range])
        var finite = true
        for position in 0..<entry.count {
            let value = number(position, of: source, as: type)
            finite = finite && value.isFinite
            destination[position] = value
        }
        guard finite else { throw .notFinite(String(entry.name.prefix(200))) }
    }

    /// Number `position` of a run of numbers.
    @inline(__always)
    static func number(_ position: Int, of source: UnsafeRawBufferPointer, as type: SafetensorsType) -> Float {
        switch type {
        case .float32:
            return Float(
                bitPattern: UInt32(littleEndian: source.loadUnaligned(fromByteOffset: position * 4, as: UInt32.self)))
        case .float64:
            return Float(
                Double(
                    bitPattern: UInt64(
                        littleEndian: source.loadUnaligned(fromByteOffset: position * 8, as: UInt64.self))))
        case .bfloat16:
            let bits = UInt16(littleEndian: source.loadUnaligned(fromByteOffset: position * 2, as: UInt16.self))
            return Float(bitPattern: UInt32(bits) << 16)
        case .float16:
            let bits = UInt16(littleEndian: source.loadUnaligned(fromByteOffset: position * 2, as: UInt16.self))
            return halfToFloat(bits)
        }
    }

    /// IEEE half to single precision, exact; written out because `Float16` does not exist on every x86 target.
    static func halfToFloat(_ bits: UInt16) -> Float {
        let sign: UInt32 = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10 & 31)
        let fraction = UInt32(bits & 0x3FF)
        if exponent == 31 { return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13) }
        if exponent == 0 {
            let magnitude = Float(fraction) * 0x1p-24
            return sign == 0 ? magnitude : -magnitude
        }
        return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
}

/// The number types of safetensors that an adapter can be stored in.
package enum SafetensorsType: String, Sendable, CaseIterable {
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"

    /// Bytes of one number.
    package var bytes: Int {
        switch self {
        case .float64: 8
        case .float32: 4
        case .float16, .bfloat16: 2
        }
    }

    /// Bits of one number of any type the format knows, by its name; nil for unknown names.
    static func bits(of name: String) -> Int? {
        switch name {
        case "F4": 4
        case "F6_E2M3", "F6_E3M2": 6
        case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ": 8
        case "I16", "U16", "F16", "BF16": 16
        case "I32", "U32", "F32": 32
        case "I64", "U64", "F64", "C64": 64
        default: nil
        }
    }
}
