// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// What all layers of one pass share: the batch's structure, the adapters and the scratch memory.
struct BlockStep<Element: Scalar> {
    let positions: [Int32]
    /// Documents of the batch; attention stays inside each.
    let segments: [Range<Int>]
    /// For disjoint rows in ascending order; none: the base alone.
    let adapters: [AdapterRows<Element>]
    /// Where backward adds dA and dB of each adapter.
    var gradients: [LoRAParameters<Element>] = []
    var scratch: BlockScratch<Operand<Element>>
    let table: RotaryTable<Element>
}
