// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Testing

@testable import AttuneModel

@Suite struct PassSettingsTests {
    @Test func onlyALevelWithBFloat16ProductsRoundsOperands() {
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
            Kernels.at(level) {
                #expect(PassSettings(maxTokens: 1, precision: .bfloat16).rounds == (level == .avx512bf16))
                #expect(!PassSettings(maxTokens: 1, precision: .float32).rounds)
            }
        }
    }

    @Test func elsewhereBFloat16GivesTheBytesOfFloat32() throws {
        let model = try ModelFixtures.tiny()
        let parameters: LoRAParameters<Float> = ModelFixtures.parameters(ModelFixtures.layout(model))
        let batch = ModelFixtures.batch([9, 4], vocabulary: model.shape.vocabulary)
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel && level != .avx512bf16 {
            let results = Precision.allCases.map { precision in
                Kernels.at(level) {
                    let settings = PassSettings(maxTokens: 20, precision: precision)
                    let pass = TrainingPass<Float>(model: model, layouts: [parameters.layout], settings: settings)
                    let hidden = pass.forward(batch, parameters: parameters)
                    let values = hidden.values
                    let gradients = LoRAParameters<Float>(layout: parameters.layout)
                    pass.backward(
                        ModelFixtures.random(hidden.rows, hidden.columns, seed: 3), accumulatingInto: gradients)
                    return values + gradients.values.values
                }
            }
            #expect(results[0] == results[1], "\(level)")
        }
    }
}
