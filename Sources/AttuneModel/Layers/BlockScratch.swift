// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Memory that every block of a pass uses in turn; nothing in it outlives the block.
///
/// The feed-forward's and the attention's buffers are never alive together and share one region.
struct BlockScratch<Exact: Sendable, Operand: Sendable>: Sendable {
    /// Normalised input of a half block, T × D.
    let normalized: Operand
    /// Its gradient, T × D.
    let dNormalized: Exact
    /// Gradient of a half block's output as an operand, T × D.
    let dOutput: Operand
    /// SwiGLU's output, T × F.
    let hidden: Operand
    /// Its gradient, T × F.
    let dHidden: Operand
    /// Gradients of queries, keys and values as attention gives them: T × H·hd, T × K·hd twice.
    let dQuery: Exact
    let dKey: Exact
    let dValue: Exact
    /// Gradients of the attention's output and inputs as operands: T × H·hd twice, T × K·hd twice.
    let dMixed: Operand
    let queryOperand: Operand
    let keyOperand: Operand
    let valueOperand: Operand
    /// Inputs of A after dropout, and the same exact; T × the widest input. Empty if nothing is dropped.
    let masked: Operand
    let maskedExact: Exact
    /// U = dY·B, T × the largest rank.
    let inner: Operand

    func map<E, O>(exact: (Exact) -> E, operand: (Operand) -> O) -> BlockScratch<E, O> {
        BlockScratch<E, O>(
            normalized: operand(normalized), dNormalized: exact(dNormalized), dOutput: operand(dOutput),
            hidden: operand(hidden), dHidden: operand(dHidden), dQuery: exact(dQuery), dKey: exact(dKey),
            dValue: exact(dValue), dMixed: operand(dMixed), queryOperand: operand(queryOperand),
            keyOperand: operand(keyOperand), valueOperand: operand(valueOperand), masked: operand(masked),
            maskedExact: exact(maskedExact), inner: operand(inner))
    }
}

extension BlockScratch {
    /// What lies at the places of a plan.
    init<N: OperandNumber>(
        _ plan: BlockScratch<BufferPlan.Slot, BufferPlan.OperandSlot>, in memory: PassMemory<N>
    ) where Exact == Matrix<N.Exact>, Operand == Matrix<N> {
        self = plan.map(exact: memory.matrix, operand: memory.operand)
    }

    /// The same for the first `count` rows, as far as there are as many.
    func prefix<N: OperandNumber>(_ count: Int) -> Self where Exact == Matrix<N.Exact>, Operand == Matrix<N> {
        map(exact: { $0.prefix(min(count, $0.rows)) }, operand: { $0.prefix(min(count, $0.rows)) })
    }
}

extension BlockScratch<BufferPlan.Slot, BufferPlan.OperandSlot> {
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
        inner = plan.placeOperand(gradients, innerColumns(rank: entries.map(\.rank).max() ?? 0))
    }
}
