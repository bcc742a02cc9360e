// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

/// The model from token ids to the loss and back to the gradients of an adapter, with all memory taken at birth.
package final class LossPass<Element: Scalar> {
    private let pass: TrainingPass<Element>
    private let head: ChunkedCrossEntropy<Element>
    private let residency: LayerResidency
    package let vocabulary: Int
    package let maxTokens: Int

    package init(
        model: BaseModel, layout: LoRALayout, maxTokens: Int, precision: Precision, checkpointing: Bool, chunk: Int
    ) {
        pass = TrainingPass(
            model: model, layout: layout, maxTokens: maxTokens, precision: precision, checkpointing: checkpointing)
        head = ChunkedCrossEntropy(head: model.head, maxTokens: maxTokens, chunk: chunk, precision: precision)
        residency = model.residency
        vocabulary = model.head.rows
        self.maxTokens = maxTokens
    }

    /// Σ −log p over the counted positions of a batch; nil as parameters is the base alone.
    package func loss(_ batch: Batch, parameters: LoRAParameters<Element>?) -> Double {
        guard !batch.counted.isEmpty else { return 0 }
        let hidden = pass.forward(batch.packed, parameters: parameters)
        residency.use(residency.head, .cycle)
        return head.loss(hidden: hidden, targets: batch.targets, counted: batch.counted)
    }

    /// Σ −log p, with `scale` times its gradient added to `gradients`.
    package func accumulate(
        _ batch: Batch, parameters: LoRAParameters<Element>, scale: Element,
        dropout: (rate: Float, stream: RandomStream)?, into gradients: LoRAParameters<Element>
    ) -> Double {
        guard !batch.counted.isEmpty else { return 0 }
        let hidden = pass.forward(batch.packed, parameters: parameters, dropout: dropout)
        residency.use(residency.head, .up)
        let (loss, dHidden) = head.lossAndGradient(
            hidden: hidden, targets: batch.targets, counted: batch.counted, scale: scale)
        // A gradient that is not finite would only spread; the caller sees it in the loss.
        guard loss.isFinite else { return loss }
        pass.backward(dHidden, parameters: parameters, accumulatingInto: gradients)
        return loss
    }
}
