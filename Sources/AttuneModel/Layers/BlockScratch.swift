// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Memory that every block of a pass uses in turn; nothing in it outlives the block.
///
/// The feed-forward's and the attention's buffers are never alive together and share one region.
struct BlockScratch<Buffer: Sendable>: Sendable {
    /// Normalised input of a half block, T × D.
    let normalized: Buffer
    /// Its gradient, T × D, exact.
    let dNormalized: Buffer
    /// Gradient of a half block's output as an operand, T × D.
    let dOutput: Buffer
    /// SwiGLU's output, T × F.
    let hidden: Buffer
    /// Its gradient, T × F.
    let dHidden: Buffer
    /// Gradients of queries, keys and values as attention gives them: T × H·hd, T × K·hd twice, exact.
    let dQuery: Buffer
    let dKey: Buffer
    let dValue: Buffer
    /// Gradients of the attention's output and inputs as operands: T × H·hd twice, T × K·hd twice.
    let dMixed: Buffer
    let queryOperand: Buffer
    let keyOperand: Buffer
    let valueOperand: Buffer
    /// Inputs of A after dropout, and the same exact; T × the widest input. Empty where nothing is dropped.
    let masked: Buffer
    let maskedExact: Buffer
    /// U = dY·B, T × the largest rank.
    let inner: Buffer

    func map<Other>(_ transform: (Buffer) -> Other) -> BlockScratch<Other> {
        BlockScratch<Other>(
            normalized: transform(normalized), dNormalized: transform(dNormalized), dOutput: transform(dOutput),
            hidden: transform(hidden), dHidden: transform(dHidden), dQuery: transform(dQuery), dKey: transform(dKey),
            dValue: transform(dValue), dMixed: transform(dMixed), queryOperand: transform(queryOperand),
            keyOperand: transform(keyOperand), valueOperand: transform(valueOperand), masked: transform(masked),
            maskedExact: transform(maskedExact),
            inner: transform(inner))
    }
}

extension BlockScratch<BufferPlan.Slot> {
    /// Places the scratch memory for `tokens` rows; layouts without sites need none of the adapters' part, and forward
    /// passes alone none for gradients.
    init(
        shape: BaseShape, layouts: [LoRALayout], tokens: Int, dropout: Bool, backward: Bool = true,
        in plan: inout BufferPlan
    ) {
        let gradients = backward ? tokens : 0
        let queryWidth = shape.heads * shape.headDimension
        let keyWidth = shape.keyValueHeads * shape.headDimension
        let entries = layouts.flatMap(\.entries)
        normalized = plan.placeOperand(tokens, shape.width)
        dNormalized = plan.place(gradients, shape.width)
        dOutput = plan.placeOperand(gradients, shape.width)
        let shared = plan.mark
        hidden = plan.placeOperand(tokens, shape.feedForward)
        dHidden = plan.placeOperand(gradients, shape.feedForward)
        plan.rewind(to: shared)
        dQuery = plan.place(gradients, queryWidth)
        dKey = plan.place(gradients, keyWidth)
        dValue = plan.place(gradients, keyWidth)
        dMixed = plan.placeOperand(gradients, queryWidth)
        queryOperand = plan.placeOperand(gradients, queryWidth)
        keyOperand = plan.placeOperand(gradients, keyWidth)
        valueOperand = plan.placeOperand(gradients, keyWidth)
        plan.close()
        let widest = dropout ? entries.map(\.inputs).max() ?? 0 : 0
        masked = plan.placeOperand(tokens, widest)
        maskedExact = plan.place(tokens, widest)
        inner = plan.placeOperand(gradients, Operand<Float>.innerColumns(rank: entries.map(\.rank).max() ?? 0))
    }
}
