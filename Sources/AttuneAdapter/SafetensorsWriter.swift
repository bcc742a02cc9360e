// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Builds safetensors bytes as the official writer does: tensors by name, the header padded with spaces to 8 bytes.
package struct SafetensorsWriter {
    private struct Tensor {
        let name: String
        let shape: [Int]
        let fill: (UnsafeMutableBufferPointer<Float>) -> Void

        var count: Int { shape.reduce(1, *) }
    }

    private var tensors: [Tensor] = []
    private let metadata: [(name: String, value: String)]

    package init(metadata: [(name: String, value: String)] = []) { self.metadata = metadata }

    /// Adds an F32 tensor; `fill` writes all of its numbers, row-major, when the bytes are made.
    package mutating func add(
        _ name: String, shape: [Int], fill: @escaping (UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        tensors.append(Tensor(name: name, shape: shape, fill: fill))
    }

    /// Adds an F32 tensor of given numbers.
    package mutating func add(_ name: String, shape: [Int], _ values: [Float]) {
        add(name, shape: shape) { destination in
            for (position, value) in values.enumerated() { destination[position] = value }
        }
    }

    /// The whole file.
    package func bytes() -> [UInt8] {
        let ordered = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        var members: [JSONMember] = []
        if !metadata.isEmpty {
            members.append(
                JSONMember(
                    name: "__metadata__",
                    value: .object(metadata.map { JSONMember(name: $0.name, value: .string($0.value)) })))
        }
        var offset = 0
        for tensor in ordered {
            members.append(
                JSONMember(
                    name: tensor.name,
                    value: .object([
                        JSONMember(name: "dtype", value: .string("F32")),
                        JSONMember(name: "shape", value: .array(tensor.shape.map { .number($0) })),
                        JSONMember(
                            name: "data_offsets", value: .array([.number(offset), .number(offset + tensor.count * 4)])),
                    ])))
            offset += tensor.count * 4
        }
        var header = Array(JSONWriter.compact(.object(members)).utf8)
        while header.count % 8 != 0 { header.append(32) }
        let total = 8 + header.count + offset
        return [UInt8](unsafeUninitializedCapacity: total) { buffer, count in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            raw.storeBytes(of: UInt64(header.count).littleEndian, as: UInt64.self)
            raw[8..<8 + header.count].copyBytes(from: header)
            var position = 8 + header.count
            for tensor in ordered {
                // Position is a multiple of 4, and arrays of this size are aligned to 16.
                let part = UnsafeMutableRawBufferPointer(rebasing: raw[position..<position + tensor.count * 4])
                tensor.fill(part.bindMemory(to: Float.self))
                position += tensor.count * 4
            }
            count = total
        }
    }
}
