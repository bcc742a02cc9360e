// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import Testing

/// Gradients of a whole model's loss against differences in float64.
@Suite struct ModelGradientTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var tied = true
        var checkpointing = false
        var modules = TargetModule.allCases
        var layers: [Int]?
        var dropout: Float = 0.2
        var testDescription: String {
            "tied \(tied) checkpointing \(checkpointing) \(modules.map(\.projectionName)) layers \(layers ?? [])"
        }
    }

    @Test(arguments: [
        Case(), Case(tied: false, checkpointing: true), Case(dropout: 0),
        Case(modules: [.query, .value]), Case(checkpointing: true, modules: [.query, .value], layers: [1]),
        Case(modules: [.down], layers: [0]), Case(modules: [.up], layers: [1]),
        Case(checkpointing: true, modules: [.output], layers: [0]), Case(modules: [.key, .gate], layers: [1]),
    ])
    func gradientsOfTheLossAreThoseOfDifferences(_ test: Case) throws {
        let model = try ModelFixtures.tiny(tied: test.tied)
        let layout = ModelFixtures.layout(model, modules: test.modules, layers: test.layers)
        let parameters: LoRAParameters<Double> = ModelFixtures.parameters(layout)
        let gradients = LoRAParameters<Double>(layout: layout)
        let batch = ModelFixtures.batch([5, 4], vocabulary: model.shape.vocabulary)
        let pass = TrainingPass<Double>(
            model: model, layouts: [layout],
            settings: PassSettings(
                maxTokens: 12, precision: .float32, keptLayers: test.checkpointing ? 1 : nil, dropout: true))
        let dropout = (rate: test.dropout, stream: RandomStream(seed: 8))
        func head() -> HeadLoss<Double> {
            HeadLoss(model, hidden: pass.forward(batch, parameters: parameters, dropout: dropout), batch: batch)
        }
        pass.backward(head().dHidden, accumulatingInto: gradients)
        for entry in layout.entries {
            for (gradient, point) in [
                (gradients.a(entry), parameters.a(entry)), (gradients.b(entry), parameters.b(entry)),
            ] {
                let error = FiniteDifference.error(of: gradient, at: point, directions: 2) { head().loss }
                #expect(error < 1e-6, "\(entry.site)")
            }
        }
    }

    @Test func gradientsAreAddedToWhatIsThere() throws {
        let model = try ModelFixtures.tiny()
        let layout = ModelFixtures.layout(model)
        let parameters: LoRAParameters<Double> = ModelFixtures.parameters(layout)
        let batch = ModelFixtures.batch([6], vocabulary: model.shape.vocabulary)
        let pass = TrainingPass<Double>(
            model: model, layouts: [layout],
            settings: PassSettings(maxTokens: 6, precision: .float32))
        let (once, twice) = (LoRAParameters<Double>(layout: layout), LoRAParameters<Double>(layout: layout))
        for gradients in [once, twice, twice] {
            let head = HeadLoss(model, hidden: pass.forward(batch, parameters: parameters), batch: batch)
            pass.backward(head.dHidden, accumulatingInto: gradients)
        }
        scale(once.values, by: 2)
        #expect(ModelFixtures.difference(twice.values, once.values) < 1e-12)
    }
}
