// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension GGUFHeader {
    /// A key of one byte, its length, its type and a value of one byte.
    private static let smallestValue = 14

    static func readMetadata(_ count: UInt64, from reader: inout ByteReader, file: String) throws
        -> [String: GGUFValue]
    {
        guard count <= UInt64(reader.remaining / smallestValue) else {
            throw ModelError.badMetadata(file, "\(count) values do not fit into the file")
        }
        var metadata: [String: GGUFValue] = [:]
        metadata.reserveCapacity(min(Int(count), 256))
        for _ in 0..<count {
            let key = try readString(from: &reader, file: file)
            guard !key.isEmpty else { throw ModelError.badMetadata(file, "a key is empty") }
            let type = try reader.littleEndian(UInt32.self)
            let value = try readValue(type, from: &reader, key: key, file: file)
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw ModelError.badMetadata(file, "the key \(key) occurs twice")
            }
        }
        return metadata
    }

    static func readString(from reader: inout ByteReader, file: String) throws -> String {
        let length = try reader.littleEndian(UInt64.self)
        guard length <= maxLength else { throw ModelError.badMetadata(file, "a text of \(length) bytes") }
        return try reader.string(length)
    }

    private static func readValue(_ type: UInt32, from reader: inout ByteReader, key: String, file: String) throws
        -> GGUFValue
    {
        switch type {
        case 0: .uint8(try reader.littleEndian())
        case 1: .int8(try reader.littleEndian())
        case 2: .uint16(try reader.littleEndian())
        case 3: .int16(try reader.littleEndian())
        case 4: .uint32(try reader.littleEndian())
        case 5: .int32(try reader.littleEndian())
        case 6: .float32(Float(bitPattern: try reader.littleEndian()))
        case 7: .bool(try readBool(from: &reader, key: key, file: file))
        case 8: .string(try readString(from: &reader, file: file))
        case 9: .array(try readArray(from: &reader, key: key, file: file))
        case 10: .uint64(try reader.littleEndian())
        case 11: .int64(try reader.littleEndian())
        case 12: .float64(Double(bitPattern: try reader.littleEndian()))
        default: throw ModelError.badMetadata(file, "\(key) has the unknown type \(type)")
        }
    }

    private static func readArray(from reader: inout ByteReader, key: String, file: String) throws -> GGUFArray {
        let type = try reader.littleEndian(UInt32.self)
        let count = try reader.littleEndian(UInt64.self)
        guard count <= maxLength else { throw ModelError.badMetadata(file, "\(key) has \(count) elements") }
        switch type {
        case 0: return .uint8(try readIntegers(count, from: &reader))
        case 1: return .int8(try readIntegers(count, from: &reader))
        case 2: return .uint16(try readIntegers(count, from: &reader))
        case 3: return .int16(try readIntegers(count, from: &reader))
        case 4: return .uint32(try readIntegers(count, from: &reader))
        case 5: return .int32(try readIntegers(count, from: &reader))
        case 6: return .float32(try readIntegers(count, from: &reader).map { Float(bitPattern: $0) })
        case 7: return .bool(try readBools(count, from: &reader, key: key, file: file))
        case 8: return .string(try readStrings(count, from: &reader, key: key, file: file))
        case 10: return .uint64(try readIntegers(count, from: &reader))
        case 11: return .int64(try readIntegers(count, from: &reader))
        case 12: return .float64(try readIntegers(count, from: &reader).map { Double(bitPattern: $0) })
        case 9: throw ModelError.badMetadata(file, "\(key) is an array of arrays")
        default: throw ModelError.badMetadata(file, "\(key) has elements of the unknown type \(type)")
        }
    }

    private static func readIntegers<Value: FixedWidthInteger>(_ count: UInt64, from reader: inout ByteReader) throws
        -> [Value]
    {
        let size = MemoryLayout<Value>.size
        let run = try reader.run(count * UInt64(size))  // count ≤ 2^30: no overflow
        return [Value](unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
            for index in 0..<Int(count) {
                buffer.initializeElement(
                    at: index, to: Value(littleEndian: run.loadUnaligned(fromByteOffset: index * size, as: Value.self)))
            }
            initialized = Int(count)
        }
    }

    private static func readStrings(_ count: UInt64, from reader: inout ByteReader, key: String, file: String) throws
        -> [String]
    {
        guard count <= UInt64(reader.remaining / 8) else {
            throw ModelError.badMetadata(file, "\(key) has \(count) texts, which do not fit into the file")
        }
        var strings: [String] = []
        strings.reserveCapacity(Int(count))
        for _ in 0..<count { strings.append(try readString(from: &reader, file: file)) }
        return strings
    }

    private static func readBools(_ count: UInt64, from reader: inout ByteReader, key: String, file: String) throws
        -> [Bool]
    {
        var run = ByteReader(try reader.run(count))  // taken first, so that room is made only for what is there
        return try (0..<count).map { _ in try readBool(from: &run, key: key, file: file) }
    }

    private static func readBool(from reader: inout ByteReader, key: String, file: String) throws -> Bool {
        switch try reader.littleEndian(UInt8.self) {
        case 0: false
        case 1: true
        case let other: throw ModelError.badMetadata(file, "\(key) is \(other), neither true nor false")
        }
    }
}
