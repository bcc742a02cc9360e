// Attune
// SPDX-License-Identifier: Apache-2.0

/// The bytes of a blob before they are stored, made piece by piece, so that they need not be in memory at once.
package struct BlobContent: Sendable {
    /// Takes a piece and what numbers are in it.
    package typealias Sink = (TensorRun.Kind, UnsafeRawBufferPointer) throws -> Void

    private let make: @Sendable (Sink) throws -> Void

    /// - Parameter make: hands over the pieces, the same ones each time it is called: they are measured before they are
    ///   written. Numbers of a piece are whole.
    package init(_ make: @escaping @Sendable (Sink) throws -> Void) { self.make = make }

    /// Bytes that are in memory.
    ///
    /// - Parameter runs: what numbers lie where; empty, or not covering the bytes, for bytes of unknown kind.
    package init(_ bytes: [UInt8], runs: [TensorRun] = []) {
        let runs = TensorRun.joined(runs, total: bytes.count) ?? [TensorRun(.raw, count: bytes.count)]
        self.init { sink in
            try bytes.withUnsafeBytes { all in
                var offset = 0
                for run in runs {
                    try sink(run.kind, UnsafeRawBufferPointer(rebasing: all[offset..<offset + run.count]))
                    offset += run.count
                }
            }
        }
    }

    /// Hands over the pieces that are not empty.
    func pieces(_ sink: Sink) throws {
        try make { kind, bytes in
            guard !bytes.isEmpty else { return }
            // Half a number at the end would be lost in planes.
            try sink(bytes.count % kind.width == 0 ? kind : .raw, bytes)
        }
    }
}
