// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import Testing

@Suite struct LogitsParityTests {
    @Test func decodingGivesThePeersLogitsAndContinuations() throws {
        let model = try ModelFixtures.base.get()
        let decoder = Decoder(model: model, adapters: [], contextLength: 512)
        for vector in try PeerVectors.read(PeerVectors.Logits.self, "logits.json").cases {
            var logits = try decoder.prefill(prompt: vector.ids)
            for pair in vector.lastTop20 {
                #expect(abs(Double(logits[0, Int(pair[0])]) - pair[1]) < 2e-3, "\(vector.prompt) token \(pair[0])")
            }
            var continuation: [Int32] = []
            while continuation.count < vector.greedy24.count {
                let best = logits.buffer.indices.max { logits.buffer[$0] < logits.buffer[$1] } ?? 0
                continuation.append(Int32(best))
                logits = try decoder.evaluate([Int32(best)])
            }
            #expect(continuation == vector.greedy24, "\(vector.prompt)")
        }
    }

    @Test func aTrainingPassGivesThePeersLogits() throws {
        let model = try ModelFixtures.base.get()
        let cases = try PeerVectors.read(PeerVectors.Logits.self, "logits.json").cases
        let longest = cases.map(\.ids.count).max() ?? 1
        let pass = TrainingPass<Float>(
            model: model, layouts: [PeerVectors.layout(model.shape, rank: 8, alpha: 16)],
            settings: PassSettings(maxTokens: longest, precision: .float32, keptLayers: 1))
        let logits = Matrix<Float>(rows: 1, columns: model.shape.vocabulary)
        for vector in cases {
            let batch = PackedTokens(tokens: vector.ids, segments: [0..<vector.ids.count])
            let hidden = pass.forward(batch)
            multiply(hidden.rows(hidden.rows - 1..<hidden.rows), by: model.head, into: logits, precision: .float32)
            for pair in vector.lastTop20 {
                #expect(abs(Double(logits[0, Int(pair[0])]) - pair[1]) < 2e-3, "\(vector.prompt) token \(pair[0])")
            }
        }
    }
}
