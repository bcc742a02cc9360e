// Attune
// SPDX-License-Identifier: Apache-2.0

/// How the bytes of a blob are encoded before they are sealed.
package enum BlobCodec: Int, Sendable {
    /// As they are.
    case stored = 0
    /// By `TensorCodec`.
    case planes = 1
}

/// What this device has of a blob.
package enum BlobState: Int, Sendable, CustomStringConvertible {
    /// All chunks, made or checked here.
    case here = 0
    /// Its record, from another device; some chunks are still to be fetched.
    case remote = 1
    /// All chunks, from another device; nobody has looked at the tensors yet.
    case arrived = 2
    /// Chunks from another device that hold something no adapter may hold.
    case refused = 3

    /// Its number, as statements have it.
    package var description: String { "\(rawValue)" }
}
