// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Runs the lowest blocks forward in float32 in a pass whose other products are in bfloat16.
///
/// There the residual of a few tokens grows a thousandfold (massive activations, arXiv:2402.17762), and rounding it is
/// amplified: in bfloat16 alone, gradients of the lowest layer of SmolLM2 are off by 12 %, with one exact block as well,
/// with two by 2 %. What the blocks keep for their backward pass is rounded as everywhere.
struct ExactBlocks<Element: Scalar> {
    /// Blocks from the bottom that run exactly.
    static var layers: Int { 2 }

    private let kept: BlockActivations<Operand<Element>>
    private let scratch: BlockScratch<Operand<Element>>

    init(shape: BaseShape, layouts: [LoRALayout], settings: PassSettings) {
        let plan = Plan(shape, layouts, settings)
        let memory = PassMemory<Element>(plan.buffers)
        kept = plan.kept.map(memory.operand)
        scratch = plan.scratch.map(memory.operand)
    }

    /// The exact bytes that `init` allocates.
    static func bytes(shape: BaseShape, layouts: [LoRALayout], settings: PassSettings) -> Int {
        PassMemory<Element>.bytes(Plan(shape, layouts, settings).buffers)
    }

    private struct Plan {
        let kept: BlockActivations<BufferPlan.Slot>
        let scratch: BlockScratch<BufferPlan.Slot>
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
    func forward(
        _ block: TransformerBlock<Element>, _ x: Matrix<Element>, _ step: BlockStep<Element>,
        keeping rounded: BlockActivations<Operand<Element>>, needsOutput: Bool
    ) {
        var step = step
        step.scratch = scratch.map { $0.rows(0..<min($0.rows, x.rows)) }
        let exact = kept.map { $0.rows(0..<x.rows) }
        block.forward(x, step, keeping: exact, needsOutput: needsOutput)
        rounded.set(exact)
    }
}
