// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

@testable import AttuneModel

@Suite struct LayerResidencyTests {
    private static let shape = SyntheticGGUF(layers: 6, width: 64, keyValueHeads: 4, type: .q8_0, tied: false)

    private func model(_ folder: TemporaryDirectory, _ shape: SyntheticGGUF = Self.shape) throws -> BaseModel {
        try BaseModel(path: shape.write(to: folder))
    }

    @Test func layersAndHeadAreFoundWithTheirSizes() throws {
        let folder = try TemporaryDirectory()
        let model = try model(folder)
        let layer = model.layers[0]
        let matrices = TargetModule.allCases.reduce(0) { $0 + layer[$1].bytes.count }
        // Between the matrices lie two norms, and nothing else but padding.
        #expect(model.residency.sizes.count == 7)
        #expect(model.residency.head == 6)
        #expect(model.residency.sizes[..<6].allSatisfy { (matrices...matrices + 1024).contains($0) })
        #expect(model.residency.sizes[6] == model.head.bytes.count)
        #expect(model.residency.embedding == model.tokenEmbedding.bytes.count)
        #expect(model.residency.minimum == model.residency.sizes[..<6].max())
    }

    @Test func aTiedHeadIsTheEmbedding() throws {
        var shape = Self.shape
        shape.tied = true
        let folder = try TemporaryDirectory()
        let residency = try model(folder, shape).residency
        #expect(residency.embedding == 0)
        #expect(residency.sizes[6] == 320 * 64 / 32 * 34)
    }

    @Test func walksKnowWhatComesNext() {
        let head = 4
        func order(_ walk: LayerResidency.Walk, _ layer: Int) -> [Int] {
            (0...head).sorted {
                walk.distance(from: layer, to: $0, head: head) < walk.distance(from: layer, to: $1, head: head)
            }
        }
        #expect(order(.cycle, 2) == [3, 4, 0, 1, 2])
        #expect(order(.up, 2) == [3, 4, 2, 1, 0])
        #expect(order(.up, 4) == [4, 3, 2, 1, 0])
        #expect(order(.down(to: 1), 3) == [2, 1, 0, 3, 4])
        for walk in [LayerResidency.Walk.cycle, .up, .down(to: 0), .down(to: 2)] {
            for layer in 2..<head {
                let next = walk.next(after: layer, head: head)
                #expect(walk.distance(from: layer, to: next, head: head) == 1)
            }
        }
        #expect(LayerResidency.Walk.cycle.next(after: head, head: head) == 0)
        #expect(LayerResidency.Walk.up.next(after: head, head: head) == 3)
        #expect(LayerResidency.Walk.down(to: 2).next(after: 2, head: head) == 0)
    }

    @Test(arguments: [1.0, 2.0, 3.5]) func decodingStaysBelowTheLimitWithTheSameLogits(_ layers: Double) throws {
        let folder = try TemporaryDirectory()
        let free = try model(folder)
        let limited = try BaseModel(path: free.file.name)
        let ids: [Int32] = [5, 17, 9, 200, 33, 41, 8, 77, 150, 3]
        let limit = Int(layers * Double(limited.residency.minimum))
        limited.residency.limit(to: limit)
        let decoders = [free, limited].map { Decoder(model: $0, adapters: [], contextLength: 32) }
        var most = 0
        for id in ids {
            let logits = try decoders.map { try $0.evaluate([id]).values }
            #expect(logits[0] == logits[1])
            most = max(most, limited.residency.resident)
        }
        #expect(most > 0)
        #expect(most <= limit)
    }

    @Test func hiddenStatesDoNotDependOnTheLimit() throws {
        let folder = try TemporaryDirectory()
        let model = try model(folder)
        let pass = TrainingPass<Float>(
            model: model, layouts: [], settings: PassSettings(maxTokens: 16, precision: .float32, keptLayers: 1))
        let batch = PackedTokens(tokens: (0..<16).map { Int32(17 * $0) }, segments: [0..<16])
        let free = pass.forward(batch).values
        model.residency.limit(to: model.residency.comfortable, dropsCache: true)
        #expect(pass.forward(batch).values == free)
        #expect(model.residency.limit == model.residency.comfortable)
        model.residency.limit(to: nil)
        #expect(pass.forward(batch).values == free)
        #expect(model.residency.limit == nil)
        #expect(model.residency.resident == 0)
    }

    @Test func gradientsDoNotDependOnTheLimit() throws {
        let folder = try TemporaryDirectory()
        let model = try model(folder)
        let adapter = try ModelFixtures.adapter(model)
        let batch = PackedTokens(tokens: (0..<24).map { Int32(11 * $0) }, segments: [0..<10, 10..<24])
        func gradients() -> [Float] {
            let pass = TrainingPass<Float>(
                model: model, layouts: [adapter.layout],
                settings: PassSettings(maxTokens: 24, precision: .bfloat16, keptLayers: 1))
            let gradients = LoRAParameters<Float>(layout: adapter.layout)
            for _ in 0..<2 {
                let hidden = pass.forward(batch, parameters: adapter.parameters)
                pass.backward(hidden, accumulatingInto: gradients)
            }
            return gradients.values.values
        }
        let free = gradients()
        for limit in [1, model.residency.comfortable, 1 << 40] {
            model.residency.limit(to: limit)
            #expect(gradients() == free)
        }
    }

    @Test func aFileThatIsCutShortWhileItStreamsIsNoticed() throws {
        let folder = try TemporaryDirectory()
        let model = try model(folder)
        model.residency.limit(to: model.residency.minimum, dropsCache: true)
        let decoder = Decoder(model: model, adapters: [], contextLength: 32)
        _ = try decoder.evaluate([1])
        #expect(truncate(model.file.name, 100_000) == 0)
        #expect(throws: ModelError.self) { try decoder.evaluate([2]) }
    }
}
