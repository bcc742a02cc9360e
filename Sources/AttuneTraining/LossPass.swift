// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

/// The model from token ids to the loss and back to the gradients of adapters, with all memory taken at birth.
package final class LossPass<Element: Scalar> {
    /// One adapter's part of a batch: what its loss is scaled by, and where its gradients go.
    package struct Share {
        let adapter: AdapterRows<Element>
        let counted: Range<Int>
        let scale: Element
        let gradients: LoRAParameters<Element>

        /// - Parameter counted: the part of `Batch.counted` that lies in the adapter's rows.
        package init(
            adapter: AdapterRows<Element>, counted: Range<Int>, scale: Element, gradients: LoRAParameters<Element>
        ) {
            self.adapter = adapter
            self.counted = counted
            self.scale = scale
            self.gradients = gradients
        }
    }

    private let pass: TrainingPass<Element>
    private let head: ChunkedCrossEntropy<Element>
    private let residency: LayerResidency
    package let vocabulary: Int
    package var maxTokens: Int { pass.settings.maxTokens }

    package init(model: BaseModel, layouts: [LoRALayout], settings: PassSettings, chunk: Int) {
        pass = TrainingPass(model: model, layouts: layouts, settings: settings)
        head = ChunkedCrossEntropy(
            head: model.head, maxTokens: settings.maxTokens, chunk: chunk, precision: settings.precision)
        residency = model.residency
        vocabulary = model.head.rows
    }

    /// Σ −log p over the counted positions of a batch; nil as parameters is the base alone.
    package func loss(_ batch: Batch, parameters: LoRAParameters<Element>?) -> Double {
        guard !batch.counted.isEmpty else { return 0 }
        let adapters = parameters.map { [AdapterRows(rows: 0..<batch.packed.count, parameters: $0)] } ?? []
        let hidden = pass.forward(batch.packed, adapters: adapters)
        residency.use(residency.head, .cycle)
        return head.loss(hidden: hidden, targets: batch.targets, counted: batch.counted[...])
    }

    /// Σ −log p, with `scale` times its gradient added to `gradients`, for one adapter on the whole batch.
    package func accumulate(
        _ batch: Batch, parameters: LoRAParameters<Element>, scale: Element,
        dropout: (rate: Float, stream: RandomStream)?, into gradients: LoRAParameters<Element>
    ) -> Double {
        let adapter = AdapterRows(rows: 0..<batch.packed.count, parameters: parameters, dropout: dropout)
        let share = Share(adapter: adapter, counted: batch.counted.indices, scale: scale, gradients: gradients)
        return accumulate(batch, shares: [share])[0]
    }

    /// Σ −log p of each share's rows, with its gradient added to the share's gradients.
    ///
    /// - Parameter shares: for disjoint rows in ascending order; rows of none count for nothing.
    package func accumulate(_ batch: Batch, shares: [Share]) -> [Double] {
        guard shares.contains(where: { !$0.counted.isEmpty }) else { return shares.map { _ in 0 } }
        let hidden = pass.forward(batch.packed, adapters: shares.map(\.adapter))
        residency.use(residency.head, .up)
        let dHidden = head.clearedGradient(rows: hidden.rows)
        let losses = shares.map { share in
            head.addLoss(
                hidden: hidden, targets: batch.targets, counted: batch.counted[share.counted], scale: share.scale,
                into: dHidden)
        }
        // A gradient that is not finite would only spread; the caller sees it in the loss.
        guard losses.allSatisfy(\.isFinite) else { return losses }
        pass.backward(dHidden, accumulatingInto: shares.map(\.gradients))
        return losses
    }
}
