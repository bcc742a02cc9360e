// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Where everything a training pass needs lies in its memory.
struct TrainingPlan {
    /// The lowest layer with a site, or L where there is none; below it nothing is kept.
    let lowest: Int
    /// The lowest layer whose activations are kept from the forward pass; adapted ones below it are run again.
    let lowestKept: Int
    /// The residual stream, T × D.
    let stream: BufferPlan.Slot
    /// The stream before each layer that is run again, T × D each.
    let inputs: [BufferPlan.Slot]
    /// What each layer from `lowestKept` up keeps; layers below use the topmost set, which is not yet or no longer in
    /// use when they run.
    let kept: [BlockActivations<BufferPlan.Slot, BufferPlan.OperandSlot>]
    let scratch: BlockScratch<BufferPlan.Slot, BufferPlan.OperandSlot>
    /// T × D after the final norm.
    let hidden: BufferPlan.Slot
    /// T × 1.
    let finalRoot: BufferPlan.Slot
    /// Gradient of the residual stream, T × D.
    let gradient: BufferPlan.Slot
    let buffers: BufferPlan

    /// - Parameter rounding: whether operands are kept in bfloat16.
    init(shape: BaseShape, layouts: [LoRALayout], settings: PassSettings, rounding: Bool) {
        let tokens = settings.maxTokens
        var plan = BufferPlan(rounding: rounding)
        let entries = layouts.flatMap(\.entries)
        let lowest = entries.map(\.site.layer).min() ?? shape.layers
        let keptLayers = min(max(1, settings.keptLayers ?? shape.layers), max(1, shape.layers - lowest))
        lowestKept = shape.layers - keptLayers
        stream = plan.place(tokens, shape.width)
        inputs = (min(lowest, lowestKept)..<lowestKept).map { _ in plan.place(tokens, shape.width) }
        // The topmost set serves all layers below the kept ones too.
        let shared = Array(0..<lowestKept) + [shape.layers - 1]
        kept = (lowestKept..<shape.layers).map { layer in
            let users = layer == shape.layers - 1 ? shared : [layer]
            return BlockActivations(
                shape: shape, tokens: tokens,
                rank: { module in
                    entries.filter { $0.site.module == module && users.contains($0.site.layer) }.map(\.rank).max() ?? 0
                }, in: &plan)
        }
        scratch = BlockScratch(
            shape: shape, layouts: layouts, tokens: tokens, dropout: settings.dropout, in: &plan)
        hidden = plan.place(tokens, shape.width)
        finalRoot = plan.place(tokens, 1)
        gradient = plan.place(tokens, entries.isEmpty ? 0 : shape.width)
        self.lowest = lowest
        buffers = plan
    }
}
