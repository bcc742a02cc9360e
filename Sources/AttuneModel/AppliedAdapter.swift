// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter

/// An adapter as it acts while decoding: y += scale·s·B(Ax), beside the base and any other adapters.
package struct AppliedAdapter: Sendable {
    package let adapter: Adapter
    /// Strength on top of the adapter's own scales; 0 switches it off, 1 is as trained.
    package let scale: Float

    package init(_ adapter: Adapter, scale: Float = 1) {
        self.adapter = adapter
        self.scale = scale
    }
}
