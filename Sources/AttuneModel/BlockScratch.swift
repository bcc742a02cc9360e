// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Memory that every block of a pass uses in turn; nothing in it outlives the block.
///
/// The feed-forward's and the attention's gradients are never alive together and share one region.
struct BlockScratch<Buffer: Sendable>: Sendable {
    /// Normalised input of a half block, T × D.
    let normalized: Buffer
    /// Its gradient, T × D.
    let dNormalized: Buffer
    /// SwiGLU's output, T × F.
    let hidden: Buffer
    /// Its gradient, T × F.
    let dHidden: Buffer
    /// Gradients of the attention's output and inputs: T × H·hd twice, T × K·hd twice; over `hidden` and `dHidden`.
    let dMixed: Buffer
    let dQuery: Buffer
    let dKey: Buffer
    let dValue: Buffer
    /// Inputs of A after dropout, and U·A: T × the widest input.
    let masked: Buffer
    /// U = dY·B, T × the largest rank.
    let inner: Buffer

    func map<Other>(_ transform: (Buffer) -> Other) -> BlockScratch<Other> {
        BlockScratch<Other>(
            normalized: transform(normalized), dNormalized: transform(dNormalized), hidden: transform(hidden),
            dHidden: transform(dHidden), dMixed: transform(dMixed), dQuery: transform(dQuery), dKey: transform(dKey),
            dValue: transform(dValue), masked: transform(masked), inner: transform(inner))
    }
}

extension BlockScratch<BufferPlan.Slot> {
    /// Places the scratch memory for `tokens` rows; a layout without sites needs none of the adapters' part.
    init(shape: BaseShape, layout: LoRALayout, tokens: Int, in plan: inout BufferPlan) {
        let queryWidth = shape.heads * shape.headDimension
        let keyWidth = shape.keyValueHeads * shape.headDimension
        normalized = plan.place(tokens, shape.width)
        dNormalized = plan.place(tokens, shape.width)
        let shared = plan.mark
        hidden = plan.place(tokens, shape.feedForward)
        dHidden = plan.place(tokens, shape.feedForward)
        plan.rewind(to: shared)
        dMixed = plan.place(tokens, queryWidth)
        dQuery = plan.place(tokens, queryWidth)
        dKey = plan.place(tokens, keyWidth)
        dValue = plan.place(tokens, keyWidth)
        plan.close()
        masked = plan.place(tokens, layout.entries.map(\.inputs).max() ?? 0)
        inner = plan.place(tokens, layout.entries.map(\.rank).max() ?? 0)
    }
}
