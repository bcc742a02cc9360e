// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The model's layers forward and backward over a packed batch, up to the final norm; the head is the loss's business.
///
/// All memory is planned and allocated at birth. Layers that do not keep their activations keep their input and are run
/// again before their backward pass (arXiv:1604.06174). One pass serves one thread at a time.
package final class TrainingPass<Element: Scalar> {
    package let settings: PassSettings
    private let model: BaseModel
    private let layouts: [LoRALayout]
    private let plan: TrainingPlan
    private let blocks: [TransformerBlock<Element>]
    private let finalNorm: Matrix<Element>
    private let normEpsilon: Element
    private let table: RotaryTable<Element>
    private let stream: Matrix<Element>
    private let inputs: [Matrix<Element>]
    private let kept: [BlockActivations<Operand<Element>>]
    private let scratch: BlockScratch<Operand<Element>>
    private let hidden: Matrix<Element>
    private let finalRoot: Matrix<Element>
    private let gradient: Matrix<Element>
    private let exactBlocks: ExactBlocks<Element>?
    /// The forward pass that `backward` belongs to; nil once used up.
    private var pending: BlockStep<Element>?

    /// Plans and allocates.
    ///
    /// - Parameter layouts: of the adapters that `forward` will be given; none for the base alone.
    /// - Precondition: the layouts were made for the shape of `model`.
    package init(model: BaseModel, layouts: [LoRALayout], settings: PassSettings) {
        precondition(settings.maxTokens > 0, "maxTokens \(settings.maxTokens)")
        precondition(layouts.allSatisfy { $0.fits(model.shape) }, "a layout belongs to another base")
        let plan = TrainingPlan(shape: model.shape, layouts: layouts, settings: settings)
        let memory = PassMemory<Element>(plan.buffers)
        self.model = model
        self.layouts = layouts
        self.settings = settings
        self.plan = plan
        blocks = (0..<model.shape.layers).map { TransformerBlock(model: model, layer: $0, layouts: layouts) }
        finalNorm = Matrix(converting: model.finalNorm)
        normEpsilon = Element(model.configuration.normEpsilon)
        table = RotaryTable(configuration: model.configuration, positions: settings.maxTokens)
        stream = memory.matrix(plan.stream)
        inputs = plan.inputs.map(memory.matrix)
        kept = plan.kept.map { $0.map(memory.operand) }
        scratch = plan.scratch.map(memory.operand)
        hidden = memory.matrix(plan.hidden)
        finalRoot = memory.matrix(plan.finalRoot)
        gradient = memory.matrix(plan.gradient)
        exactBlocks =
            settings.rounds
            ? ExactBlocks(shape: model.shape, layouts: layouts, settings: settings) : nil
    }

    /// The exact bytes that `init` allocates with these arguments.
    package static func bytes(model: BaseModel, layouts: [LoRALayout], settings: PassSettings) -> Int {
        let plan = TrainingPlan(shape: model.shape, layouts: layouts, settings: settings)
        let table = settings.maxTokens * model.configuration.ropeDimension * MemoryLayout<Element>.stride
        let exact =
            settings.rounds
            ? ExactBlocks<Element>.bytes(shape: model.shape, layouts: layouts, settings: settings) : 0
        return PassMemory<Element>.bytes(plan.buffers) + table + exact
    }

    /// The lowest layer that an adapter changes, or L where there is none.
    package var lowestAdaptedLayer: Int { plan.lowest }

    /// Hidden states after the final norm, T × D, valid until the next call.
    ///
    /// - Parameters:
    ///   - adapters: for disjoint rows in ascending order; rows of none, and all without any, are the base's alone.
    ///   - trunk: the residual stream before `lowestAdaptedLayer`, T × D, as `trunk(of:)` gives it for the same batch;
    ///     nil computes it.
    /// - Precondition: ids are below V and there are 1...maxTokens of them.
    package func forward(
        _ batch: PackedTokens, adapters: [AdapterRows<Element>] = [], trunk: Matrix<Element>? = nil
    ) -> Matrix<Element> {
        let step = step(batch, adapters)
        let x = stream.prefix(batch.count)
        if let trunk { x.copy(from: trunk) } else { runTrunk(batch, step) }
        for layer in min(plan.lowest, blocks.count)..<blocks.count {
            model.residency.use(layer, .up)
            if layer < plan.lowestKept { inputs[layer - plan.lowest].prefix(batch.count).copy(from: x) }
            run(layer, x, step)
        }
        let output = hidden.prefix(batch.count)
        rmsNorm(
            x, weight: finalNorm, epsilon: normEpsilon, into: output, inverseRoot: finalRoot.prefix(batch.count))
        pending = step
        return output
    }

    /// The residual stream before `lowestAdaptedLayer`, T × D, valid until the next call; the same for any adapters.
    package func trunk(of batch: PackedTokens) -> Matrix<Element> {
        pending = nil
        runTrunk(batch, step(batch, []))
        return stream.prefix(batch.count)
    }

    /// Memory for `rows` of the states that `forward` takes as `trunk`: T × D, used up by it.
    package func trunkRows(_ rows: Int) -> Matrix<Element> { stream.prefix(rows) }

    private func runTrunk(_ batch: PackedTokens, _ step: BlockStep<Element>) {
        let x = stream.prefix(batch.count)
        gatherRows(model.tokenEmbedding, batch.tokens, into: x)
        model.residency.releaseEmbedding()
        for layer in 0..<min(plan.lowest, blocks.count) {
            model.residency.use(layer, .up)
            run(layer, x, step)
        }
    }

    /// Turns the stream before a layer into that after it.
    private func run(_ layer: Int, _ x: Matrix<Element>, _ step: BlockStep<Element>, needsOutput: Bool = true) {
        let kept = activations(layer, x.rows)
        if let exactBlocks, layer < ExactBlocks<Element>.layers {
            exactBlocks.forward(blocks[layer], x, step, keeping: kept, needsOutput: needsOutput)
        } else {
            blocks[layer].forward(x, step, keeping: kept, needsOutput: needsOutput)
        }
    }

    /// Adds dA and dB of the last forward pass to the gradients of its adapters, given the gradient of its result,
    /// T × D.
    ///
    /// Nothing is computed below the lowest adapted layer.
    /// - Parameter gradients: one for each adapter of the forward pass, with the same layout.
    /// - Precondition: follows a `forward` with adapters; each forward pass serves one backward pass.
    package func backward(_ dHidden: Matrix<Element>, accumulatingInto gradients: [LoRAParameters<Element>]) {
        guard var step = pending, step.adapters.count == gradients.count else {
            preconditionFailure("backward without a forward pass with these adapters")
        }
        // By index: sequences of generic elements are walked in boxes.
        for index in gradients.indices {
            precondition(step.adapters[index].parameters.layout == gradients[index].layout, "another layout")
        }
        pending = nil
        guard plan.lowest < blocks.count, !gradients.isEmpty else { return }
        step.gradients = gradients
        let count = step.positions.count
        let d = gradient.prefix(count)
        d.clear()
        rmsNormBackward(
            dHidden, x: stream.prefix(count), weight: finalNorm, inverseRoot: finalRoot.prefix(count),
            accumulatingInto: d)
        for layer in (plan.lowest..<blocks.count).reversed() {
            model.residency.use(layer, .down(to: plan.lowest))
            if layer < plan.lowestKept {
                let x = stream.prefix(count)
                x.copy(from: inputs[layer - plan.lowest].prefix(count))
                run(layer, x, step, needsOutput: false)
            }
            blocks[layer].backward(d, step, kept: activations(layer, count), needsInput: layer > plan.lowest)
        }
    }

    private func step(_ batch: PackedTokens, _ adapters: [AdapterRows<Element>]) -> BlockStep<Element> {
        let count = batch.count
        precondition(count > 0 && count <= settings.maxTokens, "\(count) tokens for a pass of \(settings.maxTokens)")
        for index in adapters.indices {
            precondition(layouts.contains(adapters[index].parameters.layout), "an adapter of another layout")
            precondition(settings.dropout || adapters[index].dropout == nil, "no memory for dropout")
        }
        return BlockStep(
            positions: batch.positions, segments: batch.segments, adapters: adapters,
            scratch: scratch.map { $0.rows(0..<count) }, table: table)
    }

    private func activations(_ layer: Int, _ count: Int) -> BlockActivations<Operand<Element>> {
        let index = layer < plan.lowestKept ? kept.count - 1 : layer - plan.lowestKept
        return kept[index].map { $0.rows(0..<count) }
    }
}
