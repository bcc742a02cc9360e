// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Builds the bytes of a GGUF file; every field can be made wrong on purpose.
package struct GGUFWriter: Sendable {
    /// A value of the metadata.
    package enum Value: Sendable {
        case uint8(UInt8)
        case uint16(UInt16)
        case uint32(UInt32)
        case int32(Int32)
        case float32(Float)
        case bool(Bool)
        case string(String)
        case uint64(UInt64)
        case strings([String])
        case uint32s([UInt32])
        case int32s([Int32])
        case float32s([Float])
        /// Any type id followed by these bytes.
        case raw(type: UInt32, bytes: [UInt8])
    }

    /// A tensor and its encoded bytes.
    package struct Tensor: Sendable {
        package var name: String
        /// The contiguous size first.
        package var shape: [UInt64]
        package var type: UInt32
        package var data: [UInt8]
        /// nil puts the tensor after the one before it.
        package var offset: UInt64?

        package init(name: String, shape: [UInt64], type: UInt32, data: [UInt8], offset: UInt64? = nil) {
            self.name = name
            self.shape = shape
            self.type = type
            self.data = data
            self.offset = offset
        }
    }

    package var magic = Array("GGUF".utf8)
    package var version: UInt32 = 3
    /// The padding that is really used; the key `general.alignment` is written only if `values` has it.
    package var alignment = 32
    package var tensorCount: UInt64?
    package var valueCount: UInt64?
    package var values: [(key: String, value: Value)] = []
    package var tensors: [Tensor] = []

    package init() {}

    /// Replaces the value of `key`, adds it, or removes it if `value` is nil.
    package mutating func set(_ key: String, _ value: Value?) {
        let index = values.firstIndex { $0.key == key }
        switch (index, value) {
        case (let index?, let value?): values[index].value = value
        case (let index?, nil): values.remove(at: index)
        case (nil, let value?): values.append((key, value))
        case (nil, nil): break
        }
    }

    /// Changes the tensor `name`, which must be there.
    package mutating func change(_ name: String, _ body: (inout Tensor) -> Void) {
        guard let index = tensors.firstIndex(where: { $0.name == name }) else { preconditionFailure(name) }
        body(&tensors[index])
    }

    /// The header alone: everything before the padding and the data.
    package func header() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(magic)
        writer.littleEndian(version)
        writer.littleEndian(tensorCount ?? UInt64(tensors.count))
        writer.littleEndian(valueCount ?? UInt64(values.count))
        for (key, value) in values {
            writer.text(key)
            value.append(to: &writer)
        }
        var next: UInt64 = 0
        for tensor in tensors {
            writer.text(tensor.name)
            writer.littleEndian(UInt32(tensor.shape.count))
            for size in tensor.shape { writer.littleEndian(size) }
            writer.littleEndian(tensor.type)
            writer.littleEndian(tensor.offset ?? next)
            next += UInt64(padded(tensor.data.count))
        }
        return writer.bytes
    }

    /// The whole file; tensors with an `offset` of their own are not moved there, only said to be there.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(header())
        for tensor in tensors {
            writer.zeros(padded(writer.bytes.count) - writer.bytes.count)
            writer.append(tensor.data)
        }
        return writer.bytes
    }

    private func padded(_ count: Int) -> Int {
        let rest = count & (alignment - 1)
        return rest == 0 ? count : count + alignment - rest
    }
}

extension GGUFWriter.Value {
    fileprivate func append(to writer: inout ByteWriter) {
        func scalar(_ type: UInt32, _ value: some FixedWidthInteger) {
            writer.littleEndian(type)
            writer.littleEndian(value)
        }
        func array<Element>(_ type: UInt32, _ values: [Element], _ append: (Element) -> Void) {
            writer.littleEndian(UInt32(9))
            writer.littleEndian(type)
            writer.littleEndian(UInt64(values.count))
            for value in values { append(value) }
        }
        switch self {
        case .uint8(let value): scalar(0, value)
        case .uint16(let value): scalar(2, value)
        case .uint32(let value): scalar(4, value)
        case .int32(let value): scalar(5, value)
        case .float32(let value): scalar(6, value.bitPattern)
        case .bool(let value): scalar(7, UInt8(value ? 1 : 0))
        case .uint64(let value): scalar(10, value)
        case .string(let value):
            writer.littleEndian(UInt32(8))
            writer.text(value)
        case .strings(let values): array(8, values) { writer.text($0) }
        case .uint32s(let values): array(4, values) { writer.littleEndian($0) }
        case .int32s(let values): array(5, values) { writer.littleEndian($0) }
        case .float32s(let values): array(6, values) { writer.littleEndian($0.bitPattern) }
        case .raw(let type, let bytes):
            writer.littleEndian(type)
            writer.append(bytes)
        }
    }
}

extension ByteWriter {
    /// A text of GGUF: 8 bytes of length, then UTF-8.
    fileprivate mutating func text(_ text: String) {
        littleEndian(UInt64(text.utf8.count))
        append(text)
    }
}
