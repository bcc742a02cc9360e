// Attune
// SPDX-License-Identifier: Apache-2.0

/// A list of byte strings in one flat buffer.
struct ByteStrings: Sendable {
    private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { ends.count }

    /// Where string `index` lies in `bytes`.
    func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    func length(_ index: Int) -> Int { ends[index] - (index == 0 ? 0 : ends[index - 1]) }

    subscript(_ index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

    mutating func reserve(_ count: Int) { ends.reserveCapacity(count) }

    mutating func append(_ string: some Sequence<UInt8>) {
        bytes.append(contentsOf: string)
        ends.append(bytes.count)
    }
}
