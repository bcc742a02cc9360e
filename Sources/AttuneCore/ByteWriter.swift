// Attune
// SPDX-License-Identifier: Apache-2.0

/// Builds a run of bytes from integers and other runs.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func littleEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func bigEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ run: some Sequence<UInt8>) { bytes.append(contentsOf: run) }

    package mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    package mutating func zeros(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }
}
