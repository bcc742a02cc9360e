// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Runs the lowest blocks forward in float32 in a pass whose other products are in bfloat16.
///
/// There the residual of a few tokens grows a thousandfold (massive activations, arXiv:2402.17762), and rounding it is
/// amplified: in bfloat16 alone, gradients of the lowest layer of SmolLM2 are off by 12 %, with one exact block as well,
/// with two by 2 %. What the blocks keep for their backward pass is rounded as everywhere.
struct ExactBlocks<Element: PassNumber> {
    /// Blocks from the bottom that run exactly.
    static var layers: Int { 2 }

    private let kept: BlockActivations<Matrix<Element>, Matrix<Element>>
    private let scratch: BlockScratch<Matrix<Element>, Matrix<Element>>

    init(shape: BaseShape, layouts: [LoRALayout], settings: PassSettings) {
        let plan = Plan(shape, layouts, settings)
        let memory = PassMemory<Element>(plan.buffers)
        kept = BlockActivations(plan.kept, in: memory)
        scratch = BlockScratch(plan.scratch, in: memory)
    }

    /// The exact bytes that `init` allocates.
    static func bytes(shape: BaseShape, layouts: [LoRALayout], settings: PassSettings) -> Int {
        PassMemory<Element>.bytes(Plan(shape, layouts, settings).buffers)
    }

    private struct Plan {
        let kept: BlockActivations<BufferPlan.Slot, BufferPlan.OperandSlot>
        let scratch: BlockScratch<BufferPlan.Slot, BufferPlan.OperandSlot>
        let buffers: BufferPlan

        init(_ shape: BaseShape, _ layouts: [LoRALayout], _ settings: PassSettings) {
            var plan = BufferPlan(rounding: false)
            let entries = layouts.flatMap(\.entries).filter { $0.site.layer < ExactBlocks.layers }
            kept = BlockActivations(
                shape: shape, tokens: settings.maxTokens,
                rank: { module in entries.filter { $0.site.module == module }.map(\.rank).max() ?? 0 }, in: &plan)
            scratch = BlockScratch(
                shape: shape, layouts: layouts, tokens: settings.maxTokens, dropout: settings.dropout,
                backward: false, in: &plan)
            buffers = plan
        }
    }

    /// Turns X into Y as `TransformerBlock.forward`, filling `rounded`.
    func forward<N: OperandNumber>(
        _ block: TransformerBlock<Element>, _ x: Matrix<Element>, _ step: BlockStep<N>,
        keeping rounded: BlockActivations<Matrix<Element>, Matrix<N>>, needsOutput: Bool
    ) where N.Exact == Element {
        let exactStep = BlockStep<Element>(
            positions: step.positions, segments: step.segments, adapters: step.adapters,
            scratch: scratch.prefix(x.rows), table: step.table)
        let exact = kept.prefix(x.rows)
        block.forward(x, exactStep, keeping: exact, needsOutput: needsOutput)
        rounded.set(exact)
    }
}
