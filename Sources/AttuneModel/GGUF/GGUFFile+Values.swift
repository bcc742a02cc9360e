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

    /// The unsigned number under `key`, nil if absent; throws E-MODEL-003 for a value of another type.
    package func uint32(_ key: String) throws -> UInt32? { try value(key, "u32", \.uint32) }
    /// The number under `key`, nil if absent; throws E-MODEL-003 for a value of another type.
    package func float32(_ key: String) throws -> Float? { try value(key, "f32", \.float32) }
    /// The truth value under `key`, nil if absent; throws E-MODEL-003 for a value of another type.
    package func bool(_ key: String) throws -> Bool? { try value(key, "bool", \.bool) }
    /// The text under `key`, nil if absent; throws E-MODEL-003 for a value of another type.
    package func string(_ key: String) throws -> String? { try value(key, "string", \.string) }

    /// The list of texts under `key`, nil if absent; throws E-MODEL-003 for a value of another type.
    package func strings(_ key: String) throws -> [String]? {
        try value(key, "array of strings") { $0.array?.string }
    }

    /// The list of numbers under `key`, nil if absent; throws E-MODEL-003 for a value of another type.
    package func float32s(_ key: String) throws -> [Float]? {
        try value(key, "array of f32") { $0.array?.float32 }
    }

    /// The list of whole numbers under `key`, nil if absent; throws E-MODEL-003 for a value of another type.
    package func int32s(_ key: String) throws -> [Int32]? {
        try value(key, "array of i32") { $0.array?.int32 }
    }

    /// The tensor `name` as numbers, row after row, or nil if there is none.
    ///
    /// - Throws: `E-MODEL-006` if a value is not finite.
    package func vector(_ name: String) throws -> [Float]? {
        guard let weight = weight(name) else { return nil }
        let values = Matrix<Float>(rows: weight.rows, columns: weight.columns)
        dequantize(weight, rows: 0..<weight.rows, into: values)
        guard isFinite(values) else { throw ModelError.notFinite(name, file: self.name) }
        return values.values
    }
}
