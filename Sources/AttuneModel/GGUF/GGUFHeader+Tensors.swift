// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

extension GGUFHeader {
    /// A tensor record before its place in the file is checked.
    struct Record {
        let name: String
        let shape: [Int]
        let type: BlockType
        let byteCount: UInt64
        /// From the start of the data section.
        let offset: UInt64
    }

    /// A name of one byte, its length, the count of dimensions, one dimension, type and offset.
    private static let smallestRecord = 33

    static func readRecords(_ count: UInt64, from reader: inout ByteReader, file: String) throws -> [Record] {
        guard count <= UInt64(reader.remaining / smallestRecord) else {
            throw ModelError.badTensor(file, "\(count) tensors do not fit into the file")
        }
        var records: [Record] = []
        var names: Set<String> = []
        records.reserveCapacity(min(Int(count), 4096))
        for _ in 0..<count {
            let record = try readRecord(from: &reader, file: file)
            guard names.insert(record.name).inserted else {
                throw ModelError.badTensor(file, "the tensor \(record.name) occurs twice")
            }
            records.append(record)
        }
        return records
    }

    private static func readRecord(from reader: inout ByteReader, file: String) throws -> Record {
        let name = try readString(from: &reader, file: file)
        guard (1..<64).contains(name.utf8.count) else {
            throw ModelError.badTensor(file, "a name of \(name.utf8.count) bytes; 1 to 63 are allowed")
        }
        let dimensions = try reader.littleEndian(UInt32.self)
        guard (1...4).contains(dimensions) else {
            throw ModelError.badTensor(file, "\(name) has \(dimensions) dimensions; 1 to 4 are allowed")
        }
        var shape: [Int] = []
        var elements: UInt64 = 1
        for _ in 0..<dimensions {
            let size = try reader.littleEndian(UInt64.self)
            let (product, overflow) = elements.multipliedReportingOverflow(by: size)
            guard size >= 1, !overflow, product <= UInt64(Int64.max) else {
                throw ModelError.badTensor(file, "\(name) has a dimension of \(size)")
            }
            elements = product
            shape.append(Int(size))
        }
        let type = try blockType(try reader.littleEndian(), tensor: name, file: file)
        guard shape[0] % type.elements == 0 else {
            throw ModelError.badTensor(
                file,
                "rows of \(name) have \(shape[0]) elements, not a multiple of the \(type.elements) of \(type.name)")
        }
        // Divided before it is multiplied: blocks · bytes fits whenever the tensor can fit into a file.
        let (byteCount, overflow) = (elements / UInt64(type.elements)).multipliedReportingOverflow(
            by: UInt64(type.bytes))
        guard !overflow, byteCount <= UInt64(Int64.max) else {
            throw ModelError.badTensor(file, "\(name) is too large")
        }
        return Record(
            name: name, shape: shape, type: type, byteCount: byteCount, offset: try reader.littleEndian())
    }

    private static func blockType(_ id: UInt32, tensor: String, file: String) throws -> BlockType {
        if let type = BlockType(rawValue: id) { return type }
        guard let name = otherTypes[id] else {
            throw ModelError.badTensor(file, "\(tensor) has the unknown type \(id)")
        }
        throw ModelError.unsupportedType(
            file, tensor: tensor, type: name, supported: BlockType.allCases.map(\.name).joined(separator: ", "))
    }

    /// ggml types that exist and are not read; 4, 5, 31–33 and 36–38 were taken out of the format.
    private static let otherTypes: [UInt32: String] = [
        9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",
        24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0",
    ]

    /// Turns offsets into places in the file and checks that tensors are aligned, inside the file and apart.
    static func place(_ records: [Record], after headerSize: Int, alignment: Int, fileSize: Int, file: String) throws
        -> [GGUFTensor]
    {
        let start = (UInt64(headerSize) + UInt64(alignment) - 1) / UInt64(alignment) * UInt64(alignment)
        let tensors = try records.map { record in
            guard record.offset % UInt64(alignment) == 0 else {
                throw ModelError.badPlacement(file, "\(record.name) is not aligned to \(alignment) bytes")
            }
            let (begin, overflow) = start.addingReportingOverflow(record.offset)
            let (end, endOverflow) = begin.addingReportingOverflow(record.byteCount)
            guard !overflow, !endOverflow, end <= UInt64(fileSize) else {
                throw ModelError.badPlacement(file, "\(record.name) reaches past the end of the file")
            }
            return GGUFTensor(
                name: record.name, shape: record.shape, type: record.type, offset: Int(begin),
                byteCount: Int(record.byteCount))
        }
        let sorted = tensors.sorted { $0.offset < $1.offset }
        for (left, right) in zip(sorted, sorted.dropFirst()) where left.offset + left.byteCount > right.offset {
            throw ModelError.badPlacement(file, "\(left.name) and \(right.name) overlap")
        }
        return tensors
    }
}
