// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Where everything a training pass needs lies in one run of memory.
struct TrainingPlan {
    /// The lowest layer with a site, or L where there is none; below it nothing is kept.
    let lowest: Int
    /// Residual stream before each layer from `lowest` up, and after the last: T × D each.
    let streams: [BufferPlan.Slot]
    /// What each layer from `lowest` up keeps; one set for all when they are recomputed.
    let kept: [BlockActivations<BufferPlan.Slot>]
    let scratch: BlockScratch<BufferPlan.Slot>
    /// T × D after the final norm.
    let hidden: BufferPlan.Slot
    /// T × 1.
    let finalRoot: BufferPlan.Slot
    /// Gradient of the residual stream, T × D.
    let gradient: BufferPlan.Slot
    /// Elements of the run.
    let count: Int

    init(shape: BaseShape, layout: LoRALayout, maxTokens: Int, checkpointing: Bool) {
        var plan = BufferPlan()
        let lowest = layout.entries.map(\.site.layer).min() ?? shape.layers
        streams = (lowest...shape.layers).map { _ in plan.place(maxTokens, shape.width) }
        let adapted = Array(lowest..<shape.layers)
        // Each element lists the layers that share one set.
        let sharing = adapted.isEmpty || checkpointing ? [adapted] : adapted.map { [$0] }
        kept = sharing.map { layers in
            BlockActivations(
                shape: shape, tokens: maxTokens,
                rank: { module in
                    layers.compactMap { layout[LoRASite(layer: $0, module: module)]?.rank }.max() ?? 0
                }, in: &plan)
        }
        scratch = BlockScratch(shape: shape, layout: layout, tokens: maxTokens, in: &plan)
        hidden = plan.place(maxTokens, shape.width)
        finalRoot = plan.place(maxTokens, 1)
        gradient = plan.place(maxTokens, layout.entries.isEmpty ? 0 : shape.width)
        self.lowest = lowest
        count = plan.count
    }
}
