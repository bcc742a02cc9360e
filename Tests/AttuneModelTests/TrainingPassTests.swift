// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor
import Foundation
import Testing

@testable import AttuneModel

@Suite struct TrainingPassTests {
    /// Loss and gradients of one step.
    private func step<Element: Scalar>(
        _ model: BaseModel, _ batch: PackedTokens, _ parameters: LoRAParameters<Element>, maxTokens: Int = 24,
        precision: Precision = .float32, checkpointing: Bool = false, dropout: Float = 0
    ) -> (hidden: Matrix<Element>, gradients: LoRAParameters<Element>) {
        let pass = TrainingPass<Element>(
            model: model, layout: parameters.layout, maxTokens: maxTokens, precision: precision,
            checkpointing: checkpointing)
        let hidden = pass.forward(
            batch, parameters: parameters, dropout: (rate: dropout, stream: RandomStream(seed: 4)))
        let kept = Matrix<Element>(rows: hidden.rows, columns: hidden.columns)
        kept.copy(from: hidden)
        // The gradient of Σ hidden·c with c the same for equal positions, whatever else is in the batch.
        let d = Matrix<Element>(rows: hidden.rows, columns: hidden.columns)
        for (row, position) in batch.positions.enumerated() {
            ModelFixtures.fill(d.rows(row..<row + 1), amplitude: 1, seed: UInt64(position))
        }
        let gradients = LoRAParameters<Element>(layout: parameters.layout)
        pass.backward(d, parameters: parameters, accumulatingInto: gradients)
        return (kept, gradients)
    }

    @Test(arguments: [false, true]) func packedDocumentsDoNotSeeEachOther(_ checkpointing: Bool) throws {
        let model = try ModelFixtures.tiny()
        let parameters: LoRAParameters<Double> = ModelFixtures.parameters(ModelFixtures.layout(model))
        let both = ModelFixtures.batch([7, 5], vocabulary: model.shape.vocabulary)
        let first = PackedTokens(tokens: Array(both.tokens[..<7]), segments: [0..<7])
        let second = PackedTokens(tokens: Array(both.tokens[7...]), segments: [0..<5])
        let packed = step(model, both, parameters, checkpointing: checkpointing)
        let (a, b) = (step(model, first, parameters), step(model, second, parameters))
        #expect(ModelFixtures.difference(packed.hidden.rows(0..<7), a.hidden) < 1e-12)
        #expect(ModelFixtures.difference(packed.hidden.rows(7..<12), b.hidden) < 1e-12)
        add(b.gradients.values, to: a.gradients.values)
        #expect(ModelFixtures.difference(packed.gradients.values, a.gradients.values) < 1e-12)
    }

    @Test(arguments: Precision.allCases)
    func recomputingChangesNoByteOfTheGradients(_ precision: Precision) throws {
        let model = try ModelFixtures.tiny(layers: 5)
        let parameters: LoRAParameters<Float> = ModelFixtures.parameters(ModelFixtures.layout(model))
        let batch = ModelFixtures.batch([9, 6], vocabulary: model.shape.vocabulary)
        let kept = step(model, batch, parameters, precision: precision, dropout: 0.3)
        let recomputed = step(model, batch, parameters, precision: precision, checkpointing: true, dropout: 0.3)
        #expect(kept.hidden.values == recomputed.hidden.values)
        #expect(kept.gradients.values.values == recomputed.gradients.values.values)
    }

    @Test func theNumberOfThreadsChangesNoByte() throws {
        let model = try ModelFixtures.base.get()
        let layout = ModelFixtures.layout(model, layers: [28, 29])
        let parameters: LoRAParameters<Float> = ModelFixtures.parameters(layout, amplitude: 0.01)
        let batch = ModelFixtures.batch([40, 25], vocabulary: model.shape.vocabulary)
        var results: [[Float]] = []
        for threads in [1, 2] {
            Kernels.configure(threads: threads)
            let result = step(model, batch, parameters, maxTokens: 80, dropout: 0.1)
            results.append(result.hidden.values + result.gradients.values.values)
        }
        Kernels.configure(threads: nil)
        #expect(results[0] == results[1])
    }

    @Test func aSmallBatchInALargePassGivesTheSame() throws {
        let model = try ModelFixtures.tiny()
        let parameters: LoRAParameters<Float> = ModelFixtures.parameters(ModelFixtures.layout(model))
        let batch = ModelFixtures.batch([5], vocabulary: model.shape.vocabulary)
        let tight = step(model, batch, parameters, maxTokens: 5)
        let roomy = step(model, batch, parameters, maxTokens: 100)
        #expect(tight.hidden.values == roomy.hidden.values)
        #expect(tight.gradients.values.values == roomy.gradients.values.values)
    }

    @Test func withoutParametersItIsTheBaseExactly() throws {
        let model = try ModelFixtures.tiny()
        let batch = ModelFixtures.batch([8], vocabulary: model.shape.vocabulary)
        let layout = ModelFixtures.layout(model)
        let plain = TrainingPass<Float>(
            model: model, layout: LoRALayout(shape: model.shape, sites: []), maxTokens: 8, precision: .float32,
            checkpointing: false)
        let adapted = TrainingPass<Float>(
            model: model, layout: layout, maxTokens: 8, precision: .float32, checkpointing: false)
        let parameters: LoRAParameters<Float> = ModelFixtures.parameters(layout)
        let base = plain.forward(batch, parameters: nil).values
        let changed = adapted.forward(batch, parameters: parameters).values
        #expect(adapted.forward(batch, parameters: nil).values == base)
        #expect(changed != base)
        #expect(adapted.forward(batch, parameters: LoRAParameters(layout: layout)).values == base)
    }

    @Test func layersBelowTheLowestAdaptedOneKeepNothing() throws {
        let model = try ModelFixtures.tiny(layers: 6)
        func bytes(_ layers: [Int], _ checkpointing: Bool = false) -> Int {
            TrainingPass<Float>.bytes(
                model: model, layout: ModelFixtures.layout(model, layers: layers), maxTokens: 64,
                checkpointing: checkpointing)
        }
        #expect(bytes([5]) < bytes([4, 5]))
        #expect(bytes([0, 5]) > bytes([1, 5]))
        #expect(bytes([0, 1, 2, 3, 4, 5], true) < bytes([0, 1, 2, 3, 4, 5]))
        #expect(bytes([5], true) <= bytes([5]))
    }

    @Test func theBytesAreThoseOfTheArithmetic() throws {
        let model = try ModelFixtures.base.get()
        let layout = ModelFixtures.layout(model, rank: 16)
        let tokens = 2048
        let (d, f, q, kv, heads) = (576, 1536, 576, 192, 9)
        let layer = 1 + q + kv + kv + q + heads + d + 1 + f + f + 7 * 16
        let scratch = 2 * d + 2 * f + f + 16
        let outside = 31 * d + d + 1 + d
        let table = tokens * 64
        #expect(
            TrainingPass<Float>.bytes(model: model, layout: layout, maxTokens: tokens, checkpointing: true)
                == (tokens * (layer + scratch + outside) + table) * 4)
        #expect(
            TrainingPass<Float>.bytes(model: model, layout: layout, maxTokens: tokens, checkpointing: false)
                == (tokens * (30 * layer + scratch + outside) + table) * 4)
    }
}
