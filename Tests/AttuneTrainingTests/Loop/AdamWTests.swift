// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import Testing

@testable import AttuneTraining

@Suite struct AdamWTests {
    @Test(arguments: [0.0, 0.1], [0.0, 1.0])
    func updatesFollowTheFormula(decay: Double, clip: Double) throws {
        let shape = try TinyRun().model.shape
        let lora = LoRAConfiguration(rank: 1, alpha: 1, modules: [.key], layers: [0])
        var configuration = TrainingConfiguration(lora: lora, epochs: 1, learningRate: 1e-3, maxLength: 8, batch: 1)
        configuration.weightDecay = decay
        configuration.clip = clip
        let layout = LoRALayout(shape: shape, configuration: lora)
        var optimizer = AdamW(layout: layout, settings: configuration.adamW)
        let parameters = LoRAParameters<Float>(layout: layout)
        let count = layout.count
        var expected = (0..<count).map { Double($0 % 7) / 7 - 0.3 }
        for (index, value) in expected.enumerated() { parameters.values.buffer[index] = Float(value) }
        var m = [Double](repeating: 0, count: count)
        var v = m
        for step in 1...5 {
            let gradient = (0..<count).map { Double(($0 * step) % 5) - 1.5 }
            for (index, value) in gradient.enumerated() { optimizer.gradients.values.buffer[index] = Float(value) }
            let norm = optimizer.gradientNorm
            let exact = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(abs(norm - exact) < 1e-6 * exact)
            optimizer.update(parameters, rate: 0.01, norm: norm)
            let scale = clip > 0 ? min(1, clip / (exact + 1e-6)) : 1
            for index in 0..<count {
                let g = gradient[index] * scale
                m[index] = 0.9 * m[index] + 0.1 * g
                v[index] = 0.999 * v[index] + 0.001 * g * g
                expected[index] *= 1 - 0.01 * decay
                let corrected = m[index] / (1 - power(0.9, step))
                let root = (v[index] / (1 - power(0.999, step))).squareRoot()
                expected[index] -= 0.01 * corrected / (root + 1e-8)
            }
        }
        #expect(optimizer.updates == 5)
        for index in 0..<count { #expect(abs(Double(parameters.values.buffer[index]) - expected[index]) < 2e-6) }
    }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { result, _ in result * base }
    }
}
