// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

@testable import AttuneModel

/// Everything one block of a tiny float64 model needs to run alone, for comparing its backward pass with differences.
struct BlockHarness {
    let model: BaseModel
    let layout: LoRALayout
    let parameters: LoRAParameters<Double>
    let gradients: LoRAParameters<Double>
    let kept: BlockActivations<Matrix<Double>, Matrix<Double>>
    let step: BlockStep<Double>
    let block: TransformerBlock<Double>
    let count: Int

    init(
        lengths: [Int] = [4, 3], modules: [TargetModule] = TargetModule.allCases, dropout: Float = 0.25,
        biases: Bool = false, headDimension: Int? = nil
    ) throws {
        model = try ModelFixtures.tiny(biases: biases, headDimension: headDimension)
        layout = ModelFixtures.layout(model, modules: modules, layers: [0])
        parameters = ModelFixtures.parameters(layout)
        gradients = LoRAParameters(layout: layout)
        let batch = ModelFixtures.batch(lengths, vocabulary: model.shape.vocabulary)
        count = batch.count
        var plan = BufferPlan(rounding: false)
        let layout = layout
        let places = BlockActivations<BufferPlan.Slot, BufferPlan.OperandSlot>(
            shape: model.shape, tokens: count,
            rank: { layout[LoRASite(layer: 0, module: $0)]?.rank ?? 0 }, in: &plan)
        let scratch = BlockScratch<BufferPlan.Slot, BufferPlan.OperandSlot>(
            shape: model.shape, layouts: [layout], tokens: count, dropout: dropout > 0, in: &plan)
        let memory = PassMemory<Double>(plan)
        kept = BlockActivations(places, in: memory)
        step = BlockStep(
            positions: batch.positions, segments: batch.segments,
            adapters: [
                AdapterRows(
                    rows: 0..<count, parameters: parameters,
                    dropout: dropout > 0 ? (dropout, RandomStream(seed: 3)) : nil)
            ], gradients: [gradients], scratch: BlockScratch(scratch, in: memory),
            table: RotaryTable(configuration: model.configuration, positions: count))
        block = TransformerBlock(model: model, layer: 0, layouts: [layout])
    }

    /// Σ c∘f(x): the scalar whose gradient at f's output is c.
    static func dot(_ c: Matrix<Double>, _ y: Matrix<Double>) -> Double {
        zip(c.buffer, y.buffer).reduce(0) { $0 + $1.0 * $1.1 }
    }
}
