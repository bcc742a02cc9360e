// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Foundation
import Testing

@testable import AttuneModel

@Suite struct TrainingPassTests {
    /// Loss and gradients of one step.
    private func step<Element: PassNumber>(
        _ model: BaseModel, _ batch: PackedTokens, _ parameters: LoRAParameters<Element>, maxTokens: Int = 24,
        precision: Precision = .float32, keptLayers: Int? = nil, dropout: Float = 0
    ) -> (hidden: Matrix<Element>, gradients: LoRAParameters<Element>) {
        let pass = TrainingPass<Element>(
            model: model, layouts: [parameters.layout],
            settings: PassSettings(
                maxTokens: maxTokens, precision: precision, keptLayers: keptLayers, dropout: dropout > 0))
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
        pass.backward(d, accumulatingInto: gradients)
        return (kept, gradients)
    }

    @Test(arguments: [nil, 1, 2]) func packedDocumentsDoNotSeeEachOther(_ keptLayers: Int?) throws {
        let model = try ModelFixtures.tiny()
        let parameters: LoRAParameters<Double> = ModelFixtures.parameters(ModelFixtures.layout(model))
        let both = ModelFixtures.batch([7, 5], vocabulary: model.shape.vocabulary)
        let first = PackedTokens(tokens: Array(both.tokens[..<7]), segments: [0..<7])
        let second = PackedTokens(tokens: Array(both.tokens[7...]), segments: [0..<5])
        let packed = step(model, both, parameters, keptLayers: keptLayers)
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
        for keptLayers in [1, 3] {
            let recomputed = step(
                model, batch, parameters, precision: precision, keptLayers: keptLayers, dropout: 0.3)
            #expect(kept.hidden.values == recomputed.hidden.values)
            #expect(kept.gradients.values.values == recomputed.gradients.values.values)
        }
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
            model: model, layouts: [LoRALayout(shape: model.shape, sites: [])],
            settings: PassSettings(maxTokens: 8, precision: .float32))
        let adapted = TrainingPass<Float>(
            model: model, layouts: [layout],
            settings: PassSettings(maxTokens: 8, precision: .float32))
        let parameters: LoRAParameters<Float> = ModelFixtures.parameters(layout)
        let base = plain.forward(batch).values
        let changed = adapted.forward(batch, parameters: parameters).values
        #expect(adapted.forward(batch).values == base)
        #expect(changed != base)
        #expect(adapted.forward(batch, parameters: LoRAParameters(layout: layout)).values == base)
    }

    @Test func layersBelowTheLowestAdaptedOneKeepNothing() throws {
        let model = try ModelFixtures.tiny(layers: 6)
        func bytes(_ layers: [Int], keptLayers: Int? = nil) -> Int {
            TrainingPass<Float>.bytes(
                model: model, layouts: [ModelFixtures.layout(model, layers: layers)],
                settings: PassSettings(maxTokens: 64, precision: .float32, keptLayers: keptLayers))
        }
        let all = [0, 1, 2, 3, 4, 5]
        #expect(bytes([5]) < bytes([4, 5]))
        #expect(bytes([0, 5]) > bytes([1, 5]))
        #expect(bytes(all, keptLayers: 1) < bytes(all, keptLayers: 3))
        #expect(bytes(all, keptLayers: 3) < bytes(all))
        #expect(bytes([5], keptLayers: 1) == bytes([5]))
    }

    @Test func theBytesAreThoseOfTheArithmetic() throws {
        let model = try ModelFixtures.base.get()
        let layout = ModelFixtures.layout(model, rank: 16)
        let tokens = 2048
        let (d, f, q, kv, heads) = (576, 1536, 576, 192, 9)
        let operands = d + kv + q + d + f + f + 7 * 16
        let exact = 1 + q + kv + heads + 1
        let table = tokens * 64 * 4
        func bytes(_ precision: Precision, keptLayers: Int?) -> Int {
            TrainingPass<Float>.bytes(
                model: model, layouts: [layout],
                settings: PassSettings(maxTokens: tokens, precision: precision, keptLayers: keptLayers))
        }
        // Stream, final norm and root, gradient; then the scratch memory, where one half block overlays the other.
        let outside = 3 * d + 1
        let scratch = d + d + d + max(2 * f, q + kv + kv + q + q + kv + kv) + 16
        #expect(
            bytes(.float32, keptLayers: nil) == tokens * (30 * (operands + exact) + scratch + outside) * 4 + table)
        #expect(
            bytes(.float32, keptLayers: 1)
                == tokens * (operands + exact + 29 * d + scratch + outside) * 4 + table)
        // In bfloat16 a kept layer takes half, where something computes with it; what first tokens need apart does not
        // depend on it.
        let two = bytes(.bfloat16, keptLayers: 2) - bytes(.bfloat16, keptLayers: 1)
        let size = Kernels.computesBFloat16 ? 2 : 4
        #expect(two == tokens * (operands * size + exact * 4 - d * 4))
    }

    @Test func adaptersThatShareAPassGetWhatTheyGetAlone() throws {
        let model = try ModelFixtures.tiny(layers: 4)
        for precision in Precision.allCases {
            let layouts = [ModelFixtures.layout(model, rank: 3), ModelFixtures.layout(model, layers: [1, 3])]
            let adapters: [LoRAParameters<Float>] = layouts.map { ModelFixtures.parameters($0) }
            let both = ModelFixtures.batch([7, 5, 4], vocabulary: model.shape.vocabulary)
            let rows = [0..<7, 7..<16]
            let parts = [
                PackedTokens(tokens: Array(both.tokens[..<7]), segments: [0..<7]),
                PackedTokens(tokens: Array(both.tokens[7...]), segments: [0..<5, 5..<9]),
            ]
            let alone = zip(parts, adapters).map { step(model, $0, $1, precision: precision) }
            let pass = TrainingPass<Float>(
                model: model, layouts: layouts,
                settings: PassSettings(maxTokens: 20, precision: precision, keptLayers: 2))
            let hidden = pass.forward(
                both, adapters: zip(rows, adapters).map { AdapterRows(rows: $0, parameters: $1) })
            let d = Matrix<Float>(rows: hidden.rows, columns: hidden.columns)
            for (row, position) in both.positions.enumerated() {
                ModelFixtures.fill(d.rows(row..<row + 1), amplitude: 1, seed: UInt64(position))
            }
            let gradients = layouts.map { LoRAParameters<Float>(layout: $0) }
            for (index, part) in alone.enumerated() {
                #expect(ModelFixtures.difference(hidden.rows(rows[index]), part.hidden) < 1e-5)
            }
            pass.backward(d, accumulatingInto: gradients)
            for (index, part) in alone.enumerated() {
                #expect(ModelFixtures.difference(gradients[index].values, part.gradients.values) < 1e-3)
            }
        }
    }

    @Test func aPassFromItsTrunkIsThePassFromItsTokens() throws {
        let model = try ModelFixtures.tiny(layers: 5)
        let layout = ModelFixtures.layout(model, layers: [3, 4])
        let parameters: LoRAParameters<Float> = ModelFixtures.parameters(layout)
        let batch = ModelFixtures.batch([6, 3], vocabulary: model.shape.vocabulary)
        for precision in Precision.allCases {
            let pass = TrainingPass<Float>(
                model: model, layouts: [layout], settings: PassSettings(maxTokens: 9, precision: precision))
            #expect(pass.lowestAdaptedLayer == 3)
            let trunk = Matrix<Float>(rows: 9, columns: model.shape.width)
            trunk.copy(from: pass.trunk(of: batch))
            let adapters = [AdapterRows(rows: 0..<9, parameters: parameters)]
            let whole = pass.forward(batch, adapters: adapters).values
            #expect(pass.forward(batch, adapters: adapters, trunk: trunk).values == whole)
        }
    }
}
