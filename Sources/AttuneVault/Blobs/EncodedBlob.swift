// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto

/// A blob's bytes in the shorter of the two forms that they can be stored in, measured and not yet written.
///
/// Two passes over the content, and one piece of it in memory at a time.
struct EncodedBlob {
    private let content: BlobContent
    private let runs: [TensorRun]
    /// Bytes before they are encoded.
    let size: Int
    /// BLAKE2b-256 of those.
    let digest: Digest256
    let codec: BlobCodec
    /// Bytes as they are stored.
    let encodedSize: Int

    init(_ content: BlobContent) throws {
        var hash = BLAKE2b.Incremental()
        var runs: [TensorRun] = []
        var (size, planes) = (0, 0)
        try content.pieces { kind, bytes in
            hash.update(bytes)
            size += bytes.count
            runs.append(TensorRun(kind, count: bytes.count))
            TensorCodec.planes(of: kind, bytes) { planes += $0.count }
        }
        let header = TensorCodec.header(runs).count
        let encoded = header + planes
        let isShorter =
            runs.contains { $0.kind != .raw } && runs.count <= TensorCodec.runLimit && encoded < size
            && size / encoded < TensorCodec.ratioLimit
        self.content = content
        self.runs = runs
        self.size = size
        digest = hash.finish()
        codec = isShorter ? .planes : .stored
        encodedSize = isShorter ? encoded : size
    }

    /// Hands over the bytes to be stored, `encodedSize` of them.
    func write(_ sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        switch codec {
        case .stored: try content.pieces { try sink($1) }
        case .planes:
            try TensorCodec.header(runs).withUnsafeBytes(sink)
            try content.pieces { try TensorCodec.planes(of: $0, $1, sink) }
        }
    }

    /// All bytes to be stored.
    func bytes() throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encodedSize)
        try write { bytes += $0 }
        return bytes
    }
}
