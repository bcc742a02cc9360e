// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// A GGUF model, mapped and never copied: one file, or all files of a split model.
///
/// Tensor data are views on the mapped bytes, which live as long as this value or any weight taken from it.
package struct GGUFFile: Sendable {
    /// The files in order; one unless the model is split.
    package let paths: [String]
    /// Bytes of all files together.
    package let totalBytes: Int
    /// The keys of the first file, which carries all of them.
    package let metadata: [String: GGUFValue]
    /// Of all files, in file order.
    package let tensors: [GGUFTensor]
    let parts: [Part]
    private let places: [String: Place]

    /// The bytes of one file and whatever keeps them alive.
    struct Part: @unchecked Sendable {  // read-only memory kept alive by `owner`
        let path: String
        let header: GGUFHeader
        let bytes: UnsafeRawBufferPointer
        let owner: AnyObject
    }

    private struct Place {
        let tensor: GGUFTensor
        let part: Int
    }

    /// Maps the model at `path`; of a split model, `path` is the first file (`…-00001-of-0000N.gguf`).
    ///
    /// - Throws: `ModelError` with `E-GGUF-001` to `E-GGUF-008`, or `FileError`.
    package init(path: String) throws {
        let first = try Self.map(path)
        try self.init(parts: [first] + Self.furtherParts(of: first))
    }

    /// Reads a whole model from memory, without the file system; `owner` keeps `bytes` alive.
    ///
    /// - Throws: `ModelError` with `E-GGUF-001` to `E-GGUF-008`; a split model is refused.
    package init(bytes: UnsafeRawBufferPointer, owner: AnyObject, name: String = "the file") throws {
        let part = Part(path: name, header: try GGUFHeader(bytes, file: name), bytes: bytes, owner: owner)
        guard try Self.splitCount(of: part) == 1 else {
            throw ModelError.badSplit(
                "\(name) is one of several files", remedy: "Open the model by the path of its first file.")
        }
        try self.init(parts: [part])
    }

    private init(parts: [Part]) throws {
        var places: [String: Place] = [:]
        for (index, part) in parts.enumerated() {
            for tensor in part.header.tensors {
                guard places.updateValue(Place(tensor: tensor, part: index), forKey: tensor.name) == nil else {
                    throw ModelError.badTensor(part.path, "the tensor \(tensor.name) occurs twice")
                }
            }
        }
        paths = parts.map(\.path)
        totalBytes = parts.reduce(0) { $0 + $1.bytes.count }
        metadata = parts[0].header.metadata
        tensors = parts.flatMap(\.header.tensors)
        self.parts = parts
        self.places = places
    }

    static func map(_ path: String) throws -> Part {
        let file = try MappedFile(path: path)
        return Part(path: path, header: try GGUFHeader(file.bytes, file: path), bytes: file.bytes, owner: file)
    }

    /// Passes where the files are still what was opened, and all that was read so far was theirs.
    ///
    /// - Throws: `E-GGUF-009`.
    package func requireIntact() throws {
        for part in parts where (part.owner as? MappedFile)?.isIntact == false {
            throw ModelError.changedInUse(part.path)
        }
    }

    /// The first path, for messages.
    package var name: String { paths[0] }

    package var tensorNames: [String] { tensors.map(\.name) }

    /// Where the tensor `name` lies, or nil if there is none.
    package func tensor(_ name: String) -> GGUFTensor? { places[name]?.tensor }

    /// Where the tensor `name` lies, and in which of the files.
    func range(of name: String) -> FileRange? {
        places[name].map {
            FileRange(part: $0.part, bytes: $0.tensor.offset..<$0.tensor.offset + $0.tensor.byteCount)
        }
    }

    /// The tensor `name` as W [rows, columns] in place, or nil if there is none; further dimensions count as rows.
    package func weight(_ name: String) -> WeightMatrix? {
        guard let place = places[name] else { return nil }
        let tensor = place.tensor
        let part = parts[place.part]
        let range = tensor.offset..<tensor.offset + tensor.byteCount
        return WeightMatrix(
            type: tensor.type, rows: tensor.rows, columns: tensor.columns,
            bytes: UnsafeRawBufferPointer(rebasing: part.bytes[range]), owner: part.owner)
    }
}

extension GGUFFile {
    /// A run of bytes of one of the files.
    struct FileRange: Sendable, Equatable {
        let part: Int
        var bytes: Range<Int>
    }

    /// Where these tensors lie, neighbours joined; names that the model does not have are left out.
    func ranges(of names: [String]) -> [FileRange] {
        let found = names.compactMap { range(of: $0) }
            .sorted { ($0.part, $0.bytes.lowerBound) < ($1.part, $1.bytes.lowerBound) }
        var joined: [FileRange] = []
        for range in found {
            // Padding and norms between two matrices belong to the layer as well.
            if let last = joined.last, last.part == range.part, range.bytes.lowerBound - last.bytes.upperBound < 1 << 16
            {
                joined[joined.count - 1].bytes = last.bytes.lowerBound..<range.bytes.upperBound
            } else {
                joined.append(range)
            }
        }
        return joined
    }

    /// Tells the kernel whether to read ahead by itself.
    func expectRandomAccess(_ random: Bool) {
        for part in parts { (part.owner as? MappedFile)?.expectRandomAccess(random) }
    }

    /// Reads a range and maps its pages; does nothing for a model that lies in memory.
    func load(_ range: FileRange) { (parts[range.part].owner as? MappedFile)?.load(range.bytes) }

    /// Takes a range out of this process's memory, and `fromCache` out of the system's.
    func drop(_ range: FileRange, fromCache: Bool) {
        (parts[range.part].owner as? MappedFile)?.drop(range.bytes, fromCache: fromCache)
    }
}
