// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import Testing

@Suite struct GradientParityTests {
    @Test(arguments: [(Precision.float32, 1e-3), (.bfloat16, 3e-2)])
    func gradientsAreThePeers(_ precision: Precision, _ tolerance: Double) throws {
        let model = try ModelFixtures.base.get()
        let vector = try PeerVectors.read(PeerVectors.Gradients.self, "lora_gradients.json")
        let layout = PeerVectors.layout(model.shape, rank: vector.rank, alpha: vector.alpha)
        let parameters = try PeerVectors.parameters(layout, model.shape, zeroB: false)
        let batch = PackedTokens(tokens: vector.ids, segments: [0..<vector.ids.count])
        let pass = TrainingPass<Float>(
            model: model, layouts: [layout],
            settings: PassSettings(maxTokens: batch.count + 10, precision: precision))

        let base = HeadLoss(
            model, hidden: pass.forward(batch), batch: batch, precision: precision)
        #expect(abs(base.loss / vector.baseLoss - 1) < tolerance)
        let head = HeadLoss(
            model, hidden: pass.forward(batch, parameters: parameters), batch: batch, precision: precision)
        #expect(abs(head.loss / vector.adapterLoss - 1) < tolerance)
        let gradients = LoRAParameters<Float>(layout: layout)
        pass.backward(head.dHidden, accumulatingInto: gradients)

        let names = try PeerVectors.gradientNames()
        #expect(names.count == layout.entries.count * 2)
        var worst = (l2: 0.0, first: 0.0, sum: 0.0)
        for name in names {
            let expected = try #require(vector.gradients[name])
            let site = try #require(PeerVectors.Site(name, layout, model.shape))
            let matrix = site.matrix(gradients)
            #expect([matrix.rows, matrix.columns] == expected.shape)
            let l2 = sumOfSquares(matrix).squareRoot()
            // The first four numbers lie in row 0, which is row 0 in either order.
            let first = (0..<4).map { Double(matrix.pointer[$0]) }
            let sum = matrix.buffer.reduce(0.0) { $0 + Double($1) }
            worst.l2 = max(worst.l2, abs(l2 - expected.l2) / expected.l2)
            for (ours, theirs) in zip(first, expected.first4) {
                worst.first = max(worst.first, abs(ours - theirs) / expected.l2)
            }
            // A sum of n numbers gathers the rounding of each: it is at most √n times the norm (Cauchy–Schwarz).
            let spread = precision == .float32 ? 1 : Double(matrix.count).squareRoot()
            worst.sum = max(worst.sum, abs(sum - expected.sum) / (expected.l2 * spread))
            #expect(abs(l2 - expected.l2) <= tolerance * expected.l2, "\(name) l2")
        }
        #expect(worst.l2 <= tolerance, "\(worst)")
        #expect(worst.first <= tolerance, "\(worst)")
        #expect(worst.sum <= tolerance, "\(worst)")
    }

    @Test func twentyStepsOfAdamWFollowThePeersCurve() throws {
        let model = try ModelFixtures.base.get()
        let vector = try PeerVectors.read(PeerVectors.Gradients.self, "lora_gradients.json")
        let curve = try PeerVectors.read(PeerVectors.Training.self, "lora_training.json").loss
        let layout = PeerVectors.layout(model.shape, rank: vector.rank, alpha: vector.alpha)
        let parameters = try PeerVectors.parameters(layout, model.shape, zeroB: true)
        let batch = PackedTokens(tokens: vector.ids, segments: [0..<vector.ids.count])
        let pass = TrainingPass<Float>(
            model: model, layouts: [layout],
            settings: PassSettings(maxTokens: batch.count, precision: .float32))
        let gradients = LoRAParameters<Float>(layout: layout)
        let (m, v) = (LoRAParameters<Float>(layout: layout), LoRAParameters<Float>(layout: layout))
        var losses: [Double] = []
        for step in 1...curve.count {
            let head = HeadLoss(model, hidden: pass.forward(batch, parameters: parameters), batch: batch)
            losses.append(head.loss)
            scale(gradients.values, by: 0)
            pass.backward(head.dHidden, accumulatingInto: gradients)
            adamW(
                AdamWStep(
                    step: step, rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, gradientScale: 1),
                parameters: parameters.values, gradients: gradients.values, m: m.values, v: v.values)
        }
        for step in 0...10 {
            #expect(abs(losses[step] - curve[step]) < 1e-2, "step \(step): \(losses[step]) for \(curve[step])")
        }
        #expect(losses[curve.count - 1] < 0.1)
    }
}
