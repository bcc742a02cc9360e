// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter

/// An adapter as it acts while decoding: y += scale·s·B(Ax), beside the base and any other adapters.
///
/// Making one converts the adapter's numbers; to keep it, or `scaled` copies of it, makes switching cheap.
package struct AppliedAdapter: Sendable {
    package let adapter: Adapter
    /// Strength on top of the adapter's own scales; 0 switches it off, 1 is as trained.
    package private(set) var scale: Float
    let packed: PackedAdapter

    package init(_ adapter: Adapter, scale: Float = 1) {
        self.adapter = adapter
        self.scale = scale
        packed = PackedAdapter(adapter)
    }

    /// The same adapter with another strength.
    package func scaled(_ scale: Float) -> AppliedAdapter {
        var copy = self
        copy.scale = scale
        return copy
    }
}
