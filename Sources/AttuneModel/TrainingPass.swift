// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The model's layers forward and backward over a packed batch, up to the final norm; the head is the loss's business.
///
/// All memory is planned and allocated at birth; a step allocates none. With checkpointing only the input of each
/// adapted layer is kept and the layer is run again before its backward pass (arXiv:1604.06174).
/// One pass serves one thread at a time.
package final class TrainingPass<Element: Scalar> {
    /// The most tokens of a batch.
    package let maxTokens: Int
    private let model: BaseModel
    private let layout: LoRALayout
    private let checkpointing: Bool
    private let plan: TrainingPlan
    private let blocks: [TransformerBlock<Element>]
    private let finalNorm: Matrix<Element>
    private let normEpsilon: Element
    private let table: RotaryTable<Element>
    private let streams: [Matrix<Element>]
    private let kept: [BlockActivations<Matrix<Element>>]
    private let scratch: BlockScratch<Matrix<Element>>
    private let hidden: Matrix<Element>
    private let finalRoot: Matrix<Element>
    private let gradient: Matrix<Element>
    /// The forward pass that `backward` belongs to; nil once used up.
    private var pending: BlockStep<Element>?

    /// Plans and allocates for batches of up to `maxTokens`.
    ///
    /// - Precondition: `layout` was made for the shape of `model`.
    package init(model: BaseModel, layout: LoRALayout, maxTokens: Int, precision: Precision, checkpointing: Bool) {
        precondition(maxTokens > 0, "maxTokens \(maxTokens)")
        precondition(layout.fits(model.shape), "the layout belongs to another base")
        let plan = TrainingPlan(
            shape: model.shape, layout: layout, maxTokens: maxTokens, checkpointing: checkpointing)
        let storage = Storage<Element>(count: plan.count)
        self.model = model
        self.layout = layout
        self.maxTokens = maxTokens
        self.checkpointing = checkpointing
        self.plan = plan
        blocks = (0..<model.shape.layers).map {
            TransformerBlock(model: model, layer: $0, layout: layout, precision: precision)
        }
        finalNorm = Matrix(converting: model.finalNorm)
        normEpsilon = Element(model.configuration.normEpsilon)
        table = RotaryTable(configuration: model.configuration, positions: maxTokens)
        streams = plan.streams.map { $0.matrix(in: storage) }
        kept = plan.kept.map { $0.map { $0.matrix(in: storage) } }
        scratch = plan.scratch.map { $0.matrix(in: storage) }
        hidden = plan.hidden.matrix(in: storage)
        finalRoot = plan.finalRoot.matrix(in: storage)
        gradient = plan.gradient.matrix(in: storage)
    }

    /// The exact bytes that `init` allocates with these arguments.
    package static func bytes(model: BaseModel, layout: LoRALayout, maxTokens: Int, checkpointing: Bool) -> Int {
        let plan = TrainingPlan(
            shape: model.shape, layout: layout, maxTokens: maxTokens, checkpointing: checkpointing)
        let table = maxTokens * model.configuration.ropeDimension
        return (plan.count + table) * MemoryLayout<Element>.stride
    }

    /// Hidden states after the final norm, T × D, valid until the next call.
    ///
    /// - Parameters:
    ///   - parameters: the factors A and B; nil runs the base alone.
    ///   - dropout: share of the inputs of A set to zero, and where its masks come from; the same stream gives the
    ///     same masks.
    /// - Precondition: ids are below V and there are 1...maxTokens of them.
    package func forward(
        _ batch: PackedTokens, parameters: LoRAParameters<Element>?,
        dropout: (rate: Float, stream: RandomStream)? = nil
    ) -> Matrix<Element> {
        let count = batch.count
        precondition(count > 0 && count <= maxTokens, "\(count) tokens for a pass of \(maxTokens)")
        let step = BlockStep(
            positions: batch.positions, segments: batch.segments, parameters: parameters, gradients: nil,
            dropout: dropout.flatMap { $0.rate > 0 ? $0 : nil }, scratch: scratch.map { $0.prefix(count) },
            table: table)
        gatherRows(model.tokenEmbedding, batch.tokens, into: stream(0, count))
        model.residency.releaseEmbedding()
        for layer in blocks.indices {
            model.residency.use(layer, .up)
            blocks[layer].forward(
                stream(layer, count), step, keeping: activations(layer, count), into: stream(layer + 1, count))
        }
        let output = hidden.prefix(count)
        rmsNorm(
            stream(blocks.count, count), weight: finalNorm, epsilon: normEpsilon, into: output,
            inverseRoot: finalRoot.prefix(count))
        pending = step
        return output
    }

    /// Adds dA and dB of the last forward pass to `gradients`, given the gradient of its result, T × D.
    ///
    /// Nothing is computed below the lowest adapted layer.
    /// - Precondition: follows a `forward` with parameters; each forward pass serves one backward pass.
    package func backward(
        _ dHidden: Matrix<Element>, parameters: LoRAParameters<Element>,
        accumulatingInto gradients: LoRAParameters<Element>
    ) {
        guard var step = pending, step.parameters != nil else {
            preconditionFailure("backward without a forward pass with parameters")
        }
        precondition(gradients.layout == layout && parameters.layout == layout, "parameters of another layout")
        pending = nil
        guard plan.lowest < blocks.count else { return }
        step.gradients = gradients
        let count = step.positions.count
        let d = gradient.prefix(count)
        d.clear()
        rmsNormBackward(
            dHidden, x: stream(blocks.count, count), weight: finalNorm, inverseRoot: finalRoot.prefix(count),
            accumulatingInto: d)
        for layer in (plan.lowest..<blocks.count).reversed() {
            let x = stream(layer, count)
            let kept = activations(layer, count)
            model.residency.use(layer, .down(to: plan.lowest))
            // The top layer's activations are still there from the forward pass.
            if checkpointing && layer < blocks.count - 1 { blocks[layer].recompute(x, step, keeping: kept) }
            blocks[layer].backward(d, x: x, step, kept: kept, needsInput: layer > plan.lowest)
        }
    }

    /// The residual stream before `layer`; layers below the lowest adapted one share one buffer.
    private func stream(_ layer: Int, _ count: Int) -> Matrix<Element> {
        streams[max(0, layer - plan.lowest)].prefix(count)
    }

    private func activations(_ layer: Int, _ count: Int) -> BlockActivations<Matrix<Element>> {
        let index = checkpointing ? 0 : max(0, layer - plan.lowest)
        return kept[min(index, kept.count - 1)].map { $0.prefix(count) }
    }
}
