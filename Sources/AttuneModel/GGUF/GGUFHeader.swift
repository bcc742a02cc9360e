// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// The metadata and the tensor list of one GGUF file, version 2 or 3, read from untrusted bytes.
///
/// Everything is checked before it is used: counts and lengths against the bytes that are left, products and sums for
/// overflow, tensors for alignment, for lying inside the file and for not overlapping.
package struct GGUFHeader: Sendable {
    package let version: UInt32
    package let metadata: [String: GGUFValue]
    /// In the order of the file, which says nothing: find tensors by name.
    package let tensors: [GGUFTensor]
    /// `general.alignment`, a power of two of at least 8.
    package let alignment: Int

    /// No array and no string of a file may be longer, as in llama.cpp.
    static let maxLength: UInt64 = 1 << 30

    /// Reads the header of a file whose content is `bytes`; `file` names it in errors.
    ///
    /// - Throws: `ModelError` with `E-GGUF-001` to `E-GGUF-007`.
    package init(_ bytes: UnsafeRawBufferPointer, file: String) throws {
        var reader = ByteReader(bytes)
        var place = "its header"
        do {
            guard bytes.count >= 4, bytes.starts(with: "GGUF".utf8) else {
                throw ModelError.notGGUF(file, beginning: bytes)
            }
            _ = try reader.run(4)
            version = try reader.littleEndian(UInt32.self)
            guard version == 2 || version == 3 else { throw ModelError.unsupportedVersion(version, file) }
            let tensorCount = try reader.littleEndian(UInt64.self)
            let valueCount = try reader.littleEndian(UInt64.self)
            place = "its metadata"
            metadata = try Self.readMetadata(valueCount, from: &reader, file: file)
            alignment = try Self.alignment(in: metadata, file: file)
            place = "its tensor list"
            let records = try Self.readRecords(tensorCount, from: &reader, file: file)
            tensors = try Self.place(
                records, after: reader.offset, alignment: alignment, fileSize: bytes.count, file: file)
        } catch let failure as ByteReader.Failure {
            if case .invalidUTF8(let offset) = failure {
                throw ModelError.badMetadata(file, "the text at byte \(offset) is not UTF-8")
            }
            throw ModelError.truncated(file, while: place, failure)
        }
    }

    private static func alignment(in metadata: [String: GGUFValue], file: String) throws -> Int {
        guard let value = metadata["general.alignment"] else { return 32 }
        // At least 8, so that numbers of any type can be read in place.
        guard let alignment = value.uint32, alignment >= 8, alignment.nonzeroBitCount == 1 else {
            throw ModelError.badMetadata(file, "general.alignment is not a power of two of at least 8")
        }
        return Int(alignment)
    }
}

/// Where a tensor of a GGUF file lies, checked against the real size of the file.
package struct GGUFTensor: Sendable, Equatable {
    package let name: String
    /// 1 to 4 sizes, each at least 1, the contiguous one (inputs) first.
    package let shape: [Int]
    package let type: BlockType
    /// Bytes from the start of its file.
    package let offset: Int
    package let byteCount: Int

    package var elementCount: Int { shape.reduce(1, *) }
    /// Rows of the tensor seen as a matrix whose columns are the contiguous dimension.
    package var rows: Int { shape.dropFirst().reduce(1, *) }
    package var columns: Int { shape[0] }
}
