// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import AttuneTraining
import Foundation
import Testing

/// The trainer against PEFT with torch's AdamW, on the real base.
@Suite struct TrainingParityTests {
    private struct Gradients: Decodable {
        struct Gradient: Decodable { let shape: [Int] }
        let ids: [Int32]
        let rank: Int
        let alpha: Float
        let baseLoss: Double
        let gradients: [String: Gradient]

        private enum CodingKeys: String, CodingKey {
            case ids, rank, alpha, gradients
            case baseLoss = "base_loss"
        }
    }

    private struct Curve: Decodable { let loss: [Double] }

    private func decode<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: TestBase.vectors.appending(path: name)))
    }

    /// A of the vectors: element i of parameter j is 0.02·sin(i·0.1234567·k + j); B is zero.
    private func start(_ base: BaseIdentity, _ vectors: Gradients) throws -> Adapter {
        let configuration = LoRAConfiguration(
            rank: vectors.rank, alpha: vectors.alpha, layers: Array(0..<base.shape.layers))
        let parameters = LoRAParameters<Float>(
            layout: LoRALayout(shape: base.shape, configuration: configuration))
        // Parameters are counted in PEFT's order: sites as the model lists them, A before B.
        let factor = try PeerInitialization.factor()
        for (site, entry) in parameters.layout.entries.enumerated() {
            let a = parameters.a(entry).buffer
            for index in a.indices {
                a[index] = PeerInitialization.value(
                    amplitude: 0.02, index: Double(index), factor: factor, parameter: 2 * site)
            }
        }
        return Adapter(base: base, configuration: configuration, parameters: parameters)
    }

    @Test func twentyStepsFollowThePeersCurve() throws {
        try follow(.float32)
    }

    @Test func twentyStepsInBfloat16FollowThePeersCurve() throws {
        try follow(.bfloat16)
    }

    private func follow(_ precision: Precision) throws {
        let vectors = try decode("lora_gradients.json", as: Gradients.self)
        let curve = try decode("lora_training.json", as: Curve.self).loss
        let model = try BaseModel(path: TestBase.path)
        let base = BaseIdentity(
            id: .filled(1), name: "smollm2", shape: model.shape)
        let start = try start(base, vectors)
        var configuration = TrainingConfiguration(
            lora: start.configuration, epochs: 20, learningRate: 1e-3, maxLength: vectors.ids.count, batch: 1)
        configuration.precision = precision
        configuration.schedule = .constant
        configuration.warmupRatio = 0
        configuration.clip = 0
        configuration.packing = .documents
        let block = Block(
            tokens: vectors.ids, segments: [0..<vectors.ids.count],
            trained: [Bool](repeating: true, count: vectors.ids.count))
        let task = TrainingTask(
            configuration: configuration, training: [block], validation: [], dataDigest: "", start: start)
        let trainer = try Trainer(model: model, base: base, tasks: [task])
        var losses: [Double] = []
        try trainer.runAlone(onEvent: { if case .step(let report) = $0 { losses.append(report.loss) } })
        #expect(losses.count == 20)
        if precision == .float32 {
            for (step, (loss, expected)) in zip(losses, curve).enumerated() {
                #expect(abs(loss - expected) < 0.001 + 0.005 * expected, "step \(step): \(loss) and \(expected)")
            }
        } else {
            // Rounding to 16 bits is noise: PEFT's own bfloat16 run of this curve leaves its float32 run by up to 0.11,
            // by 0.039 in the mean. Ours has to stay closer than that.
            let differences = zip(losses, curve).map { abs($0 - $1) }
            #expect(differences.allSatisfy { $0 < 0.11 }, "\(differences)")
            #expect(differences.reduce(0, +) / Double(differences.count) < 0.039, "\(differences)")
        }
        #expect(abs(losses[0] - vectors.baseLoss) < (precision == .float32 ? 1e-3 : 0.02))
    }
}
