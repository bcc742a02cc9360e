// Attune
// SPDX-License-Identifier: Apache-2.0

/// Builds a run of bytes from integers and other runs.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Appends an integer, lowest byte first.
    package mutating func littleEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends an integer, highest byte first.
    package mutating func bigEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends bytes as they are.
    package mutating func append(_ run: some Sequence<UInt8>) { bytes.append(contentsOf: run) }

    /// Appends a text as UTF-8, without its length.
    package mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Appends `count` zero bytes.
    package mutating func zeros(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }
}
