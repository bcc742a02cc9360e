// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

/// The model from token ids to the loss and back to the gradients of adapters, with all memory taken at birth.
package final class LossPass<Element: PassNumber> {
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

    /// A batch and its shares, laid out so that a pass over them allocates nothing.
    package struct Work {
        let batch: Batch
        let adapters: [AdapterRows<Element>]
        let scales: [Element]
        let gradients: [LoRAParameters<Element>]
        /// The counted positions of each share.
        let counted: [ArraySlice<Int>]

        /// - Parameter shares: for disjoint rows in ascending order; rows of none count for nothing.
        package init(_ batch: Batch, shares: [Share]) {
            self.batch = batch
            adapters = shares.map(\.adapter)
            scales = shares.map(\.scale)
            gradients = shares.map(\.gradients)
            counted = shares.map { batch.counted[$0.counted] }
        }
    }

    private let pass: TrainingPass<Element>
    private let head: ChunkedCrossEntropy<Element>
    let model: BaseModel
    package let vocabulary: Int
    package var maxTokens: Int { pass.settings.maxTokens }
    /// Where the states below the lowest adapted layer are kept; nil computes them each time.
    var trunk: TrunkCache?

    /// The lowest layer that an adapter changes, or L where there is none.
    var lowestAdaptedLayer: Int { pass.lowestAdaptedLayer }

    package init(model: BaseModel, layouts: [LoRALayout], settings: PassSettings, chunk: Int) {
        pass = TrainingPass(model: model, layouts: layouts, settings: settings)
        head = ChunkedCrossEntropy(
            head: model.head, maxTokens: settings.maxTokens, chunk: chunk,
            precision: settings.rounds ? .bfloat16 : .float32)
        self.model = model
        vocabulary = model.head.rows
    }

    /// Σ −log p over the counted positions of a batch; nil as parameters is the base alone.
    package func loss(_ batch: Batch, parameters: LoRAParameters<Element>?) -> Double {
        guard !batch.counted.isEmpty else { return 0 }
        let adapters = parameters.map { [AdapterRows(rows: 0..<batch.packed.count, parameters: $0)] } ?? []
        let hidden = forward(batch, adapters)
        model.residency.use(model.residency.head, .cycle)
        return head.loss(hidden: hidden, targets: batch.targets, counted: batch.counted[...])
    }

    /// Adds Σ −log p of each share's rows to `losses`, and its gradient to the share's gradients.
    ///
    /// A share whose loss is not finite leaves the others as they are; its own gradients are of no use.
    package func accumulate(_ work: Work, into losses: inout [Double]) {
        guard work.counted.contains(where: { !$0.isEmpty }) else { return }
        let batch = work.batch
        let hidden = forward(batch, work.adapters)
        model.residency.use(model.residency.head, .up)
        let dHidden = head.clearedGradient(rows: hidden.rows)
        var isUseful = false
        for index in work.adapters.indices {
            let loss = head.addLoss(
                hidden: hidden, targets: batch.targets, counted: work.counted[index], scale: work.scales[index],
                into: dHidden)
            losses[index] += loss
            if loss.isFinite {
                isUseful = true
            } else {
                dHidden.rows(work.adapters[index].rows).buffer.update(repeating: 0)
            }
        }
        if isUseful { pass.backward(dHidden, accumulatingInto: work.gradients) }
    }

    private func forward(_ batch: Batch, _ adapters: [AdapterRows<Element>]) -> Matrix<Element> {
        guard let trunk, lowestAdaptedLayer > 0 else { return pass.forward(batch.packed, adapters: adapters) }
        let states = pass.trunkRows(batch.packed.count)
        if !trunk.load(batch, into: states) { trunk.keep(pass.trunk(of: batch.packed), of: batch) }
        return pass.forward(batch.packed, adapters: adapters, trunk: states)
    }
}
