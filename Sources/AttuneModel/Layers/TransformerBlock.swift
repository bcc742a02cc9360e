// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// One pre-norm block: M = X + Attn(norm(X)), Y = M + FFN(norm(M)); X, M, Y [T, D].
struct TransformerBlock<Element: PassNumber>: Sendable {
    let attention: AttentionLayer<Element>
    let feedForward: FeedForwardLayer<Element>

    init(model: BaseModel, layer: Int, layouts: [LoRALayout]) {
        attention = AttentionLayer(model: model, layer: layer, layouts: layouts)
        feedForward = FeedForwardLayer(model: model, layer: layer, layouts: layouts)
    }

    /// Turns X into Y, filling `kept`; without `needsOutput` only `kept` is certain.
    func forward<N: OperandNumber>(
        _ x: Matrix<Element>, _ step: BlockStep<N>, keeping kept: BlockActivations<Matrix<Element>, Matrix<N>>,
        needsOutput: Bool = true
    ) where N.Exact == Element {
        attention.forward(x, step, keeping: kept)
        feedForward.forward(x, step, keeping: kept, needsOutput: needsOutput)
    }

    /// Turns `d` from dY into dX and adds the gradients of the factors; `kept` is used up.
    ///
    /// Without `needsInput` (nothing below is adapted) it goes only as deep as this block's own factors ask for.
    func backward<N: OperandNumber>(
        _ d: Matrix<Element>, _ step: BlockStep<N>, kept: BlockActivations<Matrix<Element>, Matrix<N>>, needsInput: Bool
    ) where N.Exact == Element {
        let needsMiddle = needsInput || attention.adaptsInputs || attention.output.isAdapted
        feedForward.backward(d, step, kept: kept, needsInput: needsMiddle)
        guard needsMiddle else { return }
        attention.backward(d, step, kept: kept, needsInput: needsInput)
    }
}

/// What all layers of one pass share: the batch's structure, the adapters and the scratch memory.
struct BlockStep<Number: OperandNumber> {
    let positions: [Int32]
    /// Documents of the batch; attention stays inside each.
    let segments: [Range<Int>]
    /// For disjoint rows in ascending order; none: the base alone.
    let adapters: [AdapterRows<Number.Exact>]
    /// Where backward adds dA and dB of each adapter.
    var gradients: [LoRAParameters<Number.Exact>] = []
    let scratch: BlockScratch<Matrix<Number.Exact>, Matrix<Number>>
    let table: RotaryTable<Number.Exact>
}
