// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

@Suite struct AdapterParityTests {
    @Test func anAdapterOfPEFTGivesItsLogits() throws {
        let model = try ModelFixtures.base.get()
        let id = BaseID.zero
        let base = BaseIdentity(id: id, name: "smollm2", shape: model.shape)
        let adapter = try PEFTFolder.read(TestBase.vectors.appending(path: "peft_adapter"), base: base).adapter
        let vector = try PeerVectors.read(PeerVectors.AdapterLogits.self, "peft_adapter_logits.json")
        let decoder = Decoder(model: model, adapters: [AppliedAdapter(adapter)], contextLength: 64)
        let decoded = try decoder.evaluate(vector.promptIds)
        let pass = TrainingPass<Float>(
            model: model, layouts: [adapter.layout],
            settings: PassSettings(maxTokens: 64, precision: .float32, keptLayers: 1))
        let batch = PackedTokens(tokens: vector.promptIds, segments: [0..<vector.promptIds.count])
        let hidden = pass.forward(batch, parameters: adapter.parameters)
        let trained = Matrix<Float>(rows: 1, columns: model.shape.vocabulary)
        multiply(hidden.rows(batch.count - 1..<batch.count), by: model.head, into: trained, precision: .float32)
        for pair in vector.lastTop20 {
            #expect(abs(Double(decoded[0, Int(pair[0])]) - pair[1]) < 2e-3, "token \(pair[0])")
            #expect(abs(Double(trained[0, Int(pair[0])]) - pair[1]) < 2e-3, "token \(pair[0])")
        }
    }
}
