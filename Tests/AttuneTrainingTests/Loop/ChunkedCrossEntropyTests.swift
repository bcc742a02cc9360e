// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import AttuneTraining
import Foundation
import Testing

@Suite struct ChunkedCrossEntropyTests {
    private let vocabulary = 13
    private let width = 6
    private let tokens = 9

    private final class Owner {
        let matrix: Matrix<Float>
        init(_ matrix: Matrix<Float>) { self.matrix = matrix }
    }

    private func head() -> (weight: WeightMatrix, values: [Double]) {
        let stream = RandomStream(seed: 5)
        let matrix = Matrix<Float>(
            rows: vocabulary, columns: width, (0..<vocabulary * width).map { Float(stream.normal(at: UInt64($0))) })
        let weight = WeightMatrix(
            type: .f32, rows: vocabulary, columns: width, bytes: UnsafeRawBufferPointer(matrix.buffer),
            owner: Owner(matrix))
        return (weight, matrix.values.map(Double.init))
    }

    private func hidden() -> Matrix<Double> {
        let stream = RandomStream(seed: 6)
        return Matrix(rows: tokens, columns: width, (0..<tokens * width).map { stream.normal(at: UInt64($0)) })
    }

    private let targets: [Int32] = [1, 4, -1, 12, 0, 7, 7, 3, -1]
    private let counted = [0, 1, 3, 5, 6, 7]

    @Test(arguments: [1, 2, 4, 6, 100])
    func lossAndGradientDoNotDependOnTheChunk(chunk: Int) {
        let (weight, e) = head()
        let x = hidden()
        let loss = ChunkedCrossEntropy<Double>(head: weight, maxTokens: 12, chunk: chunk, precision: .float32)
        let gradient = loss.clearedGradient(rows: x.rows)
        let value = loss.addLoss(hidden: x, targets: targets, counted: counted[...], scale: 0.5, into: gradient)
        var expected = 0.0
        for position in 0..<tokens {
            var logits = (0..<vocabulary).map { row in
                (0..<width).reduce(0) { $0 + x[position, $1] * e[row * width + $1] }
            }
            let highest = logits.max() ?? 0
            logits = logits.map { exp($0 - highest) }
            let sum = logits.reduce(0, +)
            for column in 0..<width {
                var wanted = 0.0
                if counted.contains(position) {
                    for row in 0..<vocabulary {
                        let p = logits[row] / sum - (row == Int(targets[position]) ? 1 : 0)
                        wanted += 0.5 * p * e[row * width + column]
                    }
                }
                #expect(abs(gradient[position, column] - wanted) < 1e-12)
            }
            if counted.contains(position) { expected -= log(logits[Int(targets[position])] / sum) }
        }
        #expect(abs(value - expected) < 1e-12)
        #expect(abs(loss.loss(hidden: x, targets: targets, counted: counted[...]) - expected) < 1e-12)
    }

    @Test func nothingCountedCostsNothing() {
        let loss = ChunkedCrossEntropy<Double>(head: head().weight, maxTokens: 9, chunk: 4, precision: .float32)
        let gradient = loss.clearedGradient(rows: hidden().rows)
        let value = loss.addLoss(hidden: hidden(), targets: targets, counted: [], scale: 1, into: gradient)
        #expect(value == 0)
        #expect(gradient.values.allSatisfy { $0 == 0 })
    }
}
