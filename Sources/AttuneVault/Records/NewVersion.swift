// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// A version that is about to be stored.
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
