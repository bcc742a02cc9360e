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
        var bytes: [UInt8] = []
        write(
            header: {
                bytes.reserveCapacity($0.count + $1)
                bytes += $0
            }, tensor: { bytes += $0 })
        return bytes
    }

    /// Hands over the header and then each tensor, in the order of the file; one tensor is in memory at a time.
    ///
    /// - Parameters:
    ///   - header: given the bytes before the tensors, and the count of those that follow.
    ///   - tensor: given the bytes of a tensor, valid during the call.
    package func write<Failure>(
        header: ([UInt8], Int) throws(Failure) -> Void, tensor: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let ordered = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        try header(Self.header(ordered, metadata: metadata), ordered.reduce(0) { $0 + $1.count * 4 })
        for part in ordered {
            let numbers = UnsafeMutableBufferPointer<Float>.allocate(capacity: part.count)
            defer { numbers.deallocate() }
            part.fill(numbers)
            try tensor(UnsafeRawBufferPointer(numbers))
        }
    }

    private static func header(_ ordered: [Tensor], metadata: [(name: String, value: String)]) -> [UInt8] {
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
        var text = Array(JSONWriter.compact(.object(members)).utf8)
        while text.count % 8 != 0 { text.append(32) }
        var writer = ByteWriter()
        writer.littleEndian(UInt64(text.count))
        writer.append(text)
        return writer.bytes
    }
}
