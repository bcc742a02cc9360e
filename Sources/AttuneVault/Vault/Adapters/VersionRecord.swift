// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// One immutable version of an adapter.
package struct VersionRecord: Sendable, Equatable {
    /// BLAKE2b-256 over the manifest's length (8 bytes, highest first), the manifest and the tensor bytes.
    package let id: VersionID
    /// The adapter's name now.
    package let adapter: String
    /// 1 for the first; a number is never used twice.
    package let number: Int
    /// Versions it was made from; empty for one trained from the base alone.
    package let parents: [VersionID]
    /// JSON that says how to read the bytes.
    package let manifest: String
    /// Bytes of the tensors.
    package let size: Int
    /// Bytes that they take as they are stored and sent, before padding and sealing.
    package let storedSize: Int
    package let created: Date
    /// The run that made it.
    package let run: RunID?
    /// Validation loss before training, nats per token.
    package let lossBefore: Double?
    /// Validation loss after training, nats per token.
    package let lossAfter: Double?
    /// Sorted; the label `live` of the head is not among them.
    package let labels: [String]
    /// True if the adapter's name points at it.
    package let isHead: Bool
    /// Whether its bytes are here; those of another device may still have to be fetched.
    package let state: BlobState

    let row: Int64
    let adapterID: AdapterID
    /// The id of the adapter that it belongs to, the same on all devices of the circle.
    package let wireAdapter: AdapterID
    let blob: BlobID

    /// Such as `notes@3`.
    package var reference: VersionReference { VersionReference(adapter: adapter, selector: .number(number)) }
}

/// Holds a version that is about to be stored.
package struct NewVersion: Sendable {
    /// JSON that says how to read the bytes.
    package var manifest: String
    /// The tensors.
    package var content: BlobContent
    package var parents: [VersionID]
    package var run: RunID?
    /// Validation loss before training, nats per token.
    package var lossBefore: Double?
    /// Validation loss after training, nats per token.
    package var lossAfter: Double?

    package init(
        manifest: String, content: BlobContent, parents: [VersionID] = [], run: RunID? = nil,
        lossBefore: Double? = nil, lossAfter: Double? = nil
    ) {
        self.manifest = manifest
        self.content = content
        self.parents = parents
        self.run = run
        self.lossBefore = lossBefore
        self.lossAfter = lossAfter
    }
}
