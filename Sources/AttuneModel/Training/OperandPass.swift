// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// What `TrainingPass` does, whatever its operands are.
protocol OperandPass<Element>: AnyObject {
    associatedtype Element: PassNumber

    var lowestAdaptedLayer: Int { get }
    func forward(
        _ batch: PackedTokens, adapters: [AdapterRows<Element>], trunk: Matrix<Element>?
    ) -> Matrix<Element>
    func trunk(of batch: PackedTokens) -> Matrix<Element>
    func trunkRows(_ rows: Int) -> Matrix<Element>
    func backward(_ dHidden: Matrix<Element>, accumulatingInto gradients: [LoRAParameters<Element>])
}

/// A training pass whose operands are numbers of one kind.
final class PassOfOperands<Number: OperandNumber>: OperandPass {
    typealias Element = Number.Exact

    private let settings: PassSettings
    private let model: BaseModel
    private let layouts: [LoRALayout]
    private let plan: TrainingPlan
    private let blocks: [TransformerBlock<Element>]
    private let finalNorm: Matrix<Element>
    private let normEpsilon: Element
    private let table: RotaryTable<Element>
    private let stream: Matrix<Element>
    private let inputs: [Matrix<Element>]
    private let kept: [BlockActivations<Matrix<Element>, Matrix<Number>>]
    private let scratch: BlockScratch<Matrix<Element>, Matrix<Number>>
    private let hidden: Matrix<Element>
    private let finalRoot: Matrix<Element>
    private let gradient: Matrix<Element>
    private let exactBlocks: ExactBlocks<Element>?
    /// The forward pass that `backward` belongs to; nil once used up.
    private var pending: BlockStep<Number>?

    init(model: BaseModel, layouts: [LoRALayout], settings: PassSettings) {
        let plan = TrainingPlan(
            shape: model.shape, layouts: layouts, settings: settings, rounding: Number.isRounded)
        let memory = PassMemory<Number>(plan.buffers)
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
        kept = plan.kept.map { BlockActivations($0, in: memory) }
        scratch = BlockScratch(plan.scratch, in: memory)
        hidden = memory.matrix(plan.hidden)
        finalRoot = memory.matrix(plan.finalRoot)
        gradient = memory.matrix(plan.gradient)
        exactBlocks =
            Number.isRounded
            ? ExactBlocks(shape: model.shape, layouts: layouts, settings: settings) : nil
    }

    static func bytes(model: BaseModel, layouts: [LoRALayout], settings: PassSettings) -> Int {
        let plan = TrainingPlan(
            shape: model.shape, layouts: layouts, settings: settings, rounding: Number.isRounded)
        let table = settings.maxTokens * model.configuration.ropeDimension * MemoryLayout<Element>.stride
        let exact =
            Number.isRounded
            ? ExactBlocks<Element>.bytes(shape: model.shape, layouts: layouts, settings: settings) : 0
        return PassMemory<Number>.bytes(plan.buffers) + table + exact
    }

    var lowestAdaptedLayer: Int { plan.lowest }

    func forward(
        _ batch: PackedTokens, adapters: [AdapterRows<Element>], trunk: Matrix<Element>?
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

    func trunk(of batch: PackedTokens) -> Matrix<Element> {
        pending = nil
        runTrunk(batch, step(batch, []))
        return stream.prefix(batch.count)
    }

    func trunkRows(_ rows: Int) -> Matrix<Element> { stream.prefix(rows) }

    private func runTrunk(_ batch: PackedTokens, _ step: BlockStep<Number>) {
        let x = stream.prefix(batch.count)
        gatherRows(model.tokenEmbedding, batch.tokens, into: x)
        model.residency.releaseEmbedding()
        for layer in 0..<min(plan.lowest, blocks.count) {
            model.residency.use(layer, .up)
            run(layer, x, step)
        }
    }

    /// Turns the stream before a layer into that after it.
    private func run(_ layer: Int, _ x: Matrix<Element>, _ step: BlockStep<Number>, needsOutput: Bool = true) {
        let kept = activations(layer, x.rows)
        if let exactBlocks, layer < ExactBlocks<Element>.layers {
            exactBlocks.forward(blocks[layer], x, step, keeping: kept, needsOutput: needsOutput)
        } else {
            blocks[layer].forward(x, step, keeping: kept, needsOutput: needsOutput)
        }
    }

    func backward(_ dHidden: Matrix<Element>, accumulatingInto gradients: [LoRAParameters<Element>]) {
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

    private func step(_ batch: PackedTokens, _ adapters: [AdapterRows<Element>]) -> BlockStep<Number> {
        let count = batch.count
        precondition(count > 0 && count <= settings.maxTokens, "\(count) tokens for a pass of \(settings.maxTokens)")
        for index in adapters.indices {
            precondition(layouts.contains(adapters[index].parameters.layout), "an adapter of another layout")
            precondition(settings.dropout || adapters[index].dropout == nil, "no memory for dropout")
        }
        return BlockStep(
            positions: batch.positions, segments: batch.segments, adapters: adapters,
            scratch: scratch.prefix(count), table: table)
    }

    private func activations(_ layer: Int, _ count: Int) -> BlockActivations<Matrix<Element>, Matrix<Number>> {
        let index = layer < plan.lowestKept ? kept.count - 1 : layer - plan.lowestKept
        return kept[index].prefix(count)
    }
}
