// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension GGUFFile {
    /// Maps the files that follow the first one of a split model, `PREFIX-%05d-of-%05d.gguf` counted from 1.
    static func furtherParts(of first: Part) throws -> [Part] {
        let count = try splitCount(of: first)
        guard count > 1 else { return [] }
        let ending = splitEnding(1, of: count)
        guard try splitIndex(of: first) == 0, first.path.hasSuffix(ending) else {
            throw ModelError.badSplit(
                "\(first.path) is one of \(count) files, and not the first",
                remedy: "Give the path of the first file, whose name ends in \(ending).")
        }
        let prefix = String(first.path.dropLast(ending.count))
        var parts: [Part] = []
        for index in 1..<count {
            let path = prefix + splitEnding(index + 1, of: count)
            let part: Part
            do { part = try map(path) } catch let failure as FileError {
                throw ModelError.badSplit(
                    "\(path), file \(index + 1) of \(count) of the model, is missing or cannot be read",
                    remedy: "Put all \(count) files into the same folder.", cause: failure)
            }
            guard try splitIndex(of: part) == index, try splitCount(of: part) == count else {
                throw ModelError.badSplit(
                    "\(path) says it is another file than number \(index + 1) of \(count)",
                    remedy: ModelError.fetchAgain)
            }
            parts.append(part)
        }
        let tensors = parts.reduce(first.header.tensors.count) { $0 + $1.header.tensors.count }
        if let value = first.header.metadata["split.tensors.count"] {
            guard let expected = value.int32, Int(expected) == tensors else {
                throw ModelError.badSplit(
                    "the \(count) files of \(first.path) have \(tensors) tensors, and not as many as the first file says",
                    remedy: ModelError.fetchAgain)
            }
        }
        return parts
    }

    /// Count of files of the model: 1 unless the file says otherwise.
    static func splitCount(of part: Part) throws -> Int {
        guard let value = part.header.metadata["split.count"] else { return 1 }
        guard let count = value.uint16 else {
            throw ModelError.badMetadata(part.path, "split.count is a \(value.typeName) and not a u16")
        }
        return max(1, Int(count))
    }

    private static func splitIndex(of part: Part) throws -> Int {
        guard let value = part.header.metadata["split.no"], let index = value.uint16 else {
            throw ModelError.badMetadata(part.path, "split.no is missing or not a u16")
        }
        return Int(index)
    }

    private static func splitEnding(_ number: Int, of count: Int) -> String {
        "-\(padded(number))-of-\(padded(count)).gguf"
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
