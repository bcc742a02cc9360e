// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// One pre-norm block: M = X + Attn(norm(X)), Y = M + FFN(norm(M)); X, M, Y [T, D].
struct TransformerBlock<Element: Scalar>: Sendable {
    let attention: AttentionLayer<Element>
    let feedForward: FeedForwardLayer<Element>

    /// Layers from the bottom whose forward products are float32 in any case.
    ///
    /// There the first token's residual grows a thousandfold (massive activations, arXiv:2402.17762) and rounding is
    /// amplified: in bfloat16 gradients of the lowest layer of SmolLM2 are off by 10 %, with three exact layers
    /// no tensor's is off by 3 %.
    static var exactLayers: Int { 3 }

    static func forwardPrecision(_ layer: Int, _ precision: Precision) -> Precision {
        layer < exactLayers ? .float32 : precision
    }

    init(model: BaseModel, layer: Int, layout: LoRALayout, precision: Precision) {
        attention = AttentionLayer(model: model, layer: layer, layout: layout, precision: precision)
        feedForward = FeedForwardLayer(model: model, layer: layer, layout: layout, precision: precision)
    }

    /// Y = block(X), filling `kept`; `y` may be `x`.
    func forward(
        _ x: Matrix<Element>, _ step: BlockStep<Element>, keeping kept: BlockActivations<Matrix<Element>>,
        into y: Matrix<Element>
    ) {
        attention.forward(x, step, keeping: kept)
        feedForward.forward(step, keeping: kept, into: y)
    }

    /// Fills `kept` again from the input of the block, without its output.
    func recompute(_ x: Matrix<Element>, _ step: BlockStep<Element>, keeping kept: BlockActivations<Matrix<Element>>) {
        attention.forward(x, step, keeping: kept)
        feedForward.forward(step, keeping: kept, into: nil)
    }

    /// Turns `d` from dY into dX and adds the gradients of the factors; `kept` is used up.
    ///
    /// Without `needsInput` (nothing below is adapted) it goes only as deep as this block's own factors ask for.
    func backward(
        _ d: Matrix<Element>, x: Matrix<Element>, _ step: BlockStep<Element>,
        kept: BlockActivations<Matrix<Element>>, needsInput: Bool
    ) {
        let needsMiddle = needsInput || attention.adaptsInputs || attention.output.isAdapted
        feedForward.backward(d, step, kept: kept, needsInput: needsMiddle)
        guard needsMiddle else { return }
        attention.backward(d, x: x, step, kept: kept, needsInput: needsInput)
    }
}
