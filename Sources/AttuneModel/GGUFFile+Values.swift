// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

extension GGUFFile {
    /// The value of `key`, or nil if the file has none.
    ///
    /// - Throws: `E-MODEL-003` if the file gives it another type than `read` accepts.
    package func value<Value>(_ key: String, _ type: String, _ read: (GGUFValue) -> Value?) throws -> Value? {
        guard let value = metadata[key] else { return nil }
        guard let result = read(value) else {
            throw ModelError.badValue(key, file: name, "is a \(value.typeName) and not a \(type)")
        }
        return result
    }

    package func uint32(_ key: String) throws -> UInt32? { try value(key, "u32", \.uint32) }
    package func float32(_ key: String) throws -> Float? { try value(key, "f32", \.float32) }
    package func bool(_ key: String) throws -> Bool? { try value(key, "bool", \.bool) }
    package func string(_ key: String) throws -> String? { try value(key, "string", \.string) }

    package func strings(_ key: String) throws -> [String]? {
        try value(key, "array of strings") { $0.array?.string }
    }

    package func float32s(_ key: String) throws -> [Float]? {
        try value(key, "array of f32") { $0.array?.float32 }
    }

    package func int32s(_ key: String) throws -> [Int32]? {
        try value(key, "array of i32") { $0.array?.int32 }
    }

    /// The tensor `name` as numbers, row after row, or nil if there is none.
    ///
    /// - Throws: `E-MODEL-006` if a value is not finite.
    package func vector(_ name: String) throws -> [Float]? {
        guard let weight = weight(name) else { return nil }
        let values = try Self.floats(weight, name: name, file: self.name)
        guard values.allSatisfy(\.isFinite) else { throw ModelError.notFinite(name, file: self.name) }
        return values
    }

    private static func floats(_ weight: WeightMatrix, name: String, file: String) throws -> [Float] {
        let count = weight.rows * weight.columns
        let bytes = weight.bytes
        switch weight.type {
        case .f32:
            return (0..<count).map {
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)))
            }
        case .f16:
            return (0..<count).map {
                Float(
                    Float16(
                        bitPattern: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self))))
            }
        case .bf16:
            return (0..<count).map {
                let bits = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self))
                return Float(bitPattern: UInt32(bits) << 16)
            }
        default:
            throw ModelError.unsupportedType(
                file, tensor: name, type: weight.type.name, supported: "F32, F16, BF16 for vectors")
        }
    }
}
