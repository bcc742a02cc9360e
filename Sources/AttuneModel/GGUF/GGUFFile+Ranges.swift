// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

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
