// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor
import Testing

@testable import AttuneModel

/// Every layer's backward pass against differences in float64, with dropout, two documents and grouped heads.
@Suite struct LayerGradientTests {
    private let tolerance = 1e-6

    @Test(arguments: [0, 0.25] as [Float])
    func theGradientOfALoRALinearLayerIsThatOfDifferences(_ dropout: Float) throws {
        let harness = try BlockHarness(dropout: dropout, biases: true)
        let layer = harness.block.feedForward.down
        let entry = try #require(harness.layout[layer.site])
        let x: Matrix<Double> = ModelFixtures.random(harness.count, entry.inputs, seed: 1)
        let c: Matrix<Double> = ModelFixtures.random(harness.count, entry.outputs, seed: 2)
        let y = Matrix<Double>(rows: harness.count, columns: entry.outputs)
        func value() -> Double {
            LoRALinear.forward([layer], x, harness.step, keeping: harness.kept) { _ in .exact(y) }
            return BlockHarness.dot(c, y)
        }
        _ = value()
        let dx = Matrix<Double>(rows: harness.count, columns: entry.inputs)
        layer.backward(c, x: x, harness.step, kept: harness.kept, into: .exact(dx))
        #expect(FiniteDifference.error(of: dx, at: x, value) < tolerance)
        #expect(
            FiniteDifference.error(of: harness.gradients.a(entry), at: harness.parameters.a(entry), value) < tolerance)
        #expect(
            FiniteDifference.error(of: harness.gradients.b(entry), at: harness.parameters.b(entry), value) < tolerance)
    }

    @Test func theGradientOfAttentionIsThatOfDifferences() throws {
        let harness = try BlockHarness(biases: true)
        let x: Matrix<Double> = ModelFixtures.random(harness.count, harness.model.shape.width, seed: 1)
        let c: Matrix<Double> = ModelFixtures.random(harness.count, harness.model.shape.width, seed: 2)
        let y = Matrix<Double>(rows: harness.count, columns: x.columns)
        func value() -> Double {
            y.copy(from: x)
            harness.block.attention.forward(y, harness.step, keeping: harness.kept)
            return BlockHarness.dot(c, y)
        }
        _ = value()
        let d = Matrix<Double>(rows: harness.count, columns: x.columns)
        d.copy(from: c)
        harness.block.attention.backward(d, harness.step, kept: harness.kept, needsInput: true)
        #expect(FiniteDifference.error(of: d, at: x, value) < tolerance)
    }

    @Test func theGradientOfTheFeedForwardIsThatOfDifferences() throws {
        let harness = try BlockHarness(biases: true)
        let width = harness.model.shape.width
        let x: Matrix<Double> = ModelFixtures.random(harness.count, width, seed: 1)
        let c: Matrix<Double> = ModelFixtures.random(harness.count, width, seed: 2)
        let y = Matrix<Double>(rows: harness.count, columns: width)
        func value() -> Double {
            y.copy(from: x)
            harness.block.feedForward.forward(y, harness.step, keeping: harness.kept, needsOutput: true)
            return BlockHarness.dot(c, y)
        }
        _ = value()
        let d = Matrix<Double>(rows: harness.count, columns: width)
        d.copy(from: c)
        harness.block.feedForward.backward(d, harness.step, kept: harness.kept, needsInput: true)
        #expect(FiniteDifference.error(of: d, at: x, value) < tolerance)
    }

    @Test(arguments: [nil, 16] as [Int?])
    func theGradientOfABlockIsThatOfDifferences(_ headDimension: Int?) throws {
        let harness = try BlockHarness(headDimension: headDimension)
        let width = harness.model.shape.width
        let x: Matrix<Double> = ModelFixtures.random(harness.count, width, seed: 1)
        let c: Matrix<Double> = ModelFixtures.random(harness.count, width, seed: 2)
        let y = Matrix<Double>(rows: harness.count, columns: width)
        func value() -> Double {
            y.copy(from: x)
            harness.block.forward(y, harness.step, keeping: harness.kept)
            return BlockHarness.dot(c, y)
        }
        _ = value()
        let d = Matrix<Double>(rows: harness.count, columns: width)
        d.copy(from: c)
        harness.block.backward(d, harness.step, kept: harness.kept, needsInput: true)
        #expect(FiniteDifference.error(of: d, at: x, value) < tolerance)
        for entry in harness.layout.entries {
            let (gradients, parameters) = (harness.gradients, harness.parameters)
            #expect(
                FiniteDifference.error(of: gradients.a(entry), at: parameters.a(entry), value) < tolerance,
                "A of \(entry.site)")
            #expect(
                FiniteDifference.error(of: gradients.b(entry), at: parameters.b(entry), value) < tolerance,
                "B of \(entry.site)")
        }
    }
}
