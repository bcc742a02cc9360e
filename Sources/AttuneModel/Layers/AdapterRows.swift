// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// An adapter, and the rows of a batch that it acts on.
///
/// Several adapters may share one pass over the base: each sees its own rows, as if it were alone.
package struct AdapterRows<Element: Scalar>: Sendable {
    package let rows: Range<Int>
    package let parameters: LoRAParameters<Element>
    /// Share of the inputs of A set to zero, and where the masks come from; the same stream gives the same masks.
    package let dropout: (rate: Float, stream: RandomStream)?

    package init(
        rows: Range<Int>, parameters: LoRAParameters<Element>, dropout: (rate: Float, stream: RandomStream)? = nil
    ) {
        self.rows = rows
        self.parameters = parameters
        self.dropout = dropout.flatMap { $0.rate > 0 ? $0 : nil }
    }
}
