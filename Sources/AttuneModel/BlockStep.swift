// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// What all layers of one pass share: the batch's structure, the parameters and the scratch memory.
struct BlockStep<Element: Scalar> {
    let positions: [Int32]
    /// Documents of the batch; attention stays inside each.
    let segments: [Range<Int>]
    /// nil: the base alone.
    let parameters: LoRAParameters<Element>?
    /// Where backward adds dA and dB.
    var gradients: LoRAParameters<Element>?
    /// Dropout on the inputs of A; nil when the rate is 0.
    let dropout: (rate: Float, stream: RandomStream)?
    let scratch: BlockScratch<Matrix<Element>>
    let table: RotaryTable<Element>
}
