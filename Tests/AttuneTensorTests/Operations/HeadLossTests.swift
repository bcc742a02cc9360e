// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Foundation
import Testing

/// The loss through a head whose logits are never held, against its definition in float64.
@Suite struct HeadLossTests {
    struct Shape: CustomTestStringConvertible, Sendable {
        let type: BlockType
        let tokens: Int
        let width: Int
        let vocabulary: Int

        var testDescription: String { "\(tokens)×\(width)×\(vocabulary) \(type.name)" }
    }

    /// Around the blocks of 1,024 tokens, the strips of 64, the panels of 32 and the tiles of 12 and 4 rows.
    static let shapes = [
        Shape(type: .q8_0, tokens: 37, width: 64, vocabulary: 3001),
        Shape(type: .q4_1, tokens: 13, width: 96, vocabulary: 1025),
        Shape(type: .q4_0, tokens: 5, width: 32, vocabulary: 1024),
        Shape(type: .f32, tokens: 9, width: 35, vocabulary: 2047),
        Shape(type: .bf16, tokens: 3, width: 1, vocabulary: 33),
        Shape(type: .q6K, tokens: 25, width: 256, vocabulary: 95),
        Shape(type: .f32, tokens: 1, width: 7, vocabulary: 1),
        Shape(type: .q8_0, tokens: 300, width: 32, vocabulary: 70),
        Shape(type: .f16, tokens: 1030, width: 6, vocabulary: 65),
    ]

    @Test(arguments: shapes) func lossAndGradientFollowTheDefinition(_ shape: Shape) {
        let head = Samples.weight(shape.type, shape.vocabulary, shape.width, seed: 3)
        let e: Matrix<Double> = Samples.expanded(head)
        let x: Matrix<Float> = Samples.matrix(shape.tokens, shape.width, seed: 4)
        let stream = RandomStream(seed: 5)
        let positions = (0..<shape.tokens).filter { $0 % 5 != 3 }
        let targets = (0..<shape.tokens).map { index -> Int32 in
            index % 5 == 3 ? -1 : Int32(stream.bits(at: UInt64(index)) % UInt64(shape.vocabulary))
        }
        let z = Matrix<Double>(rows: shape.tokens, columns: shape.vocabulary)
        multiply(
            Self.rounded(x.values, shape.width), Self.rounded(e.values.map { Float($0) }, shape.width),
            transposed: true, into: z)
        let loss = positions.reduce(0.0) { loss, row in
            let logits = z.rows(row..<row + 1)
            return loss + crossEntropy(logits: logits, targets: [targets[row]], scale: 0.25)
        }
        for row in 0..<shape.tokens where targets[row] < 0 { z.rows(row..<row + 1).buffer.update(repeating: 0) }
        let expected = Matrix<Double>(rows: shape.tokens, columns: shape.width)
        multiply(z, e, transposed: false, into: expected)
        for level in allLevels {
            let gradient = Matrix<Float>(rows: shape.tokens, columns: shape.width)
            for index in 0..<gradient.count { gradient.pointer[index] = 7 }
            let (both, alone) = Kernels.at(level) {
                (
                    headLoss(x, positions: positions[...], targets: targets, head: head, scale: 0.25, into: gradient),
                    headLoss(x, positions: positions[...], targets: targets, head: head)
                )
            }
            // Levels without products in bfloat16 of their own multiply in float32.
            #expect(abs(both - loss) < 5e-3 * max(1, loss), "\(level)")
            #expect(abs(both - alone) < 1e-6 * max(1, loss), "\(level)")
            for row in 0..<shape.tokens where !positions.contains(row) {
                #expect(gradient.rows(row..<row + 1).values.allSatisfy { $0 == 7 }, "row \(row), \(level)")
                gradient.rows(row..<row + 1).buffer.update(repeating: 0)
            }
            if shape.vocabulary > 1 { #expect(relativeError(gradient, expected) < 2e-2, "\(level)") }
        }
    }

    @Test func aCertainTargetLeavesAGradientOfTheRightSize() {
        // p is 1 − 1e-5 or so: a difference of 1 and a rounded p would be zero, or far off.
        let head = Samples.weight(
            .f32, 3, 2, bytes: [Float(8), 0, -4, 1, -4, -1].flatMap { Samples.littleEndian($0.bitPattern, 4) })
        let x = Matrix<Float>(rows: 1, columns: 2, [1, 0.5])
        let others = [exp(-3.5 - 8), exp(-4.5 - 8)]
        let sum = 1 + others[0] + others[1]
        let wanted = Matrix<Double>(
            rows: 1, columns: 2,
            [(-4 * (others[0] + others[1]) - 8 * (others[0] + others[1])) / sum, (others[0] - others[1]) / sum])
        for level in [Kernels.bestLevel] {
            let gradient = Matrix<Float>(rows: 1, columns: 2)
            _ = Kernels.at(level) { headLoss(x, positions: [0], targets: [0], head: head, scale: 1, into: gradient) }
            #expect(relativeError(gradient, wanted) < 1e-2)
        }
    }

    @Test(arguments: [Float.nan, .infinity]) func aLogitThatIsNotFiniteGivesALossThatIsNotFinite(bad: Float) {
        let x = Matrix<Float>(rows: 2, columns: 32, [Float](repeating: 1, count: 64))
        for (row, target) in [(0, Int32(0)), (1, 0), (2, 1500)] {
            var numbers = [Float](repeating: 0.5, count: 2000 * 32)
            numbers[row * 700 * 32 + 5] = bad
            let head = Samples.weight(
                .f32, 2000, 32, bytes: numbers.flatMap { Samples.littleEndian($0.bitPattern, 4) })
            for level in allLevels {
                let loss = Kernels.at(level) { headLoss(x, positions: [1], targets: [0, target], head: head) }
                #expect(!loss.isFinite, "\(level)")
            }
        }
    }

    private static func rounded(_ values: [Float], _ columns: Int) -> Matrix<Double> {
        Matrix(rows: values.count / columns, columns: columns, values.map { Double(BFloat16($0).value) })
    }
}
