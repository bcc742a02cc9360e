// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

extension Benchmark {
    /// Every kernel that takes time, on the shapes of this base with `tokens` rows of activations.
    package func kernels(tokens: Int) -> KernelReport {
        var timer = KernelTimer(rounds: rounds)
        for precision in [Precision.bfloat16, .float32] { measureProducts(tokens, precision, &timer) }
        measureAdapterProducts(tokens, &timer)
        measureAttention(tokens, &timer)
        measureRows(tokens, &timer)
        return timer.report(tokens: tokens)
    }

    /// Random numbers, mean 0.
    private func random(_ rows: Int, _ columns: Int) -> Matrix<Float> {
        let matrix = Matrix<Float>(rows: rows, columns: columns)
        let stream = RandomStream(seed: 1, path: UInt64(rows), UInt64(columns))
        for index in 0..<matrix.count { matrix.pointer[index] = Float(stream.uniform(at: UInt64(index)) - 0.5) }
        return matrix
    }

    /// X·Wᵀ and dY·W, 2·T·in·out each; and X·Wᵀ of a single row, which reads the weights once.
    private func measureProducts(_ tokens: Int, _ precision: Precision, _ timer: inout KernelTimer) {
        let numbers = Self.numbers(precision)
        for module in [TargetModule.query, .gate, .down] {
            let weight = model.weight(module, layer: 0)
            let (x, y) = (random(tokens, weight.columns), random(tokens, weight.rows))
            let shape = "\(tokens)×\(weight.columns)×\(weight.rows) \(weight.type.name) \(precision.rawValue)"
            let operations = 2 * tokens * weight.rows * weight.columns
            timer.compute("X·Wᵀ", shape, operations: operations, in: numbers) {
                multiply(x, by: weight, into: y, precision: precision)
            }
            timer.compute("dY·W", shape, operations: operations, in: numbers) {
                multiplyTransposed(y, by: weight, into: x, precision: precision, accumulating: false)
            }
        }
        let (x, y) = (random(1, model.head.columns), random(1, model.head.rows))
        timer.move(
            "x·Wᵀ", "1×\(model.head.columns)×\(model.head.rows) \(model.head.type.name) \(precision.rawValue)",
            bytes: model.head.bytes.count
        ) { multiply(x, by: model.head, into: y, precision: precision) }
    }

    /// XAᵀ and dA = UᵀX, for rank 16.
    private func measureAdapterProducts(_ tokens: Int, _ timer: inout KernelTimer) {
        let (rank, width) = (16, model.shape.width)
        let (x, a, inner) = (random(tokens, width), random(rank, width), random(tokens, rank))
        let operations = 2 * tokens * width * rank
        timer.compute("XAᵀ", "\(tokens)×\(width)×\(rank)", operations: operations, in: .float32) {
            multiply(x, a, transposed: true, into: inner)
        }
        timer.compute("UᵀX", "\(rank)×\(tokens)×\(width)", operations: operations, in: .float32) {
            multiply(inner, transposed: true, x, into: a)
        }
    }

    /// Causal attention on one segment: 2·T²·H·hd forward, 5·T²·H·hd backward.
    private func measureAttention(_ tokens: Int, _ timer: inout KernelTimer) {
        let shape = model.shape
        let queryWidth = shape.heads * shape.headDimension
        let keyWidth = shape.keyValueHeads * shape.headDimension
        let (q, k, v) = (random(tokens, queryWidth), random(tokens, keyWidth), random(tokens, keyWidth))
        let (o, dO, dq) = (random(tokens, queryWidth), random(tokens, queryWidth), random(tokens, queryWidth))
        let (dk, dv) = (random(tokens, keyWidth), random(tokens, keyWidth))
        let sums = Matrix<Float>(rows: tokens, columns: shape.heads)
        let scale = 1 / Float(shape.headDimension).squareRoot()
        let text = "\(tokens)×\(shape.heads)×\(shape.headDimension)"
        let operations = 2 * tokens * tokens * queryWidth
        timer.compute("attention", text, operations: operations, in: .float32) {
            attention(
                q: q, k: k, v: v, headDimension: shape.headDimension, segments: [0..<tokens], scale: scale, into: o,
                logSumExp: sums)
        }
        timer.compute("attention backward", text, operations: operations * 5 / 2, in: .float32) {
            attentionBackward(
                dO: dO, q: q, k: k, v: v, o: o, logSumExp: sums, headDimension: shape.headDimension,
                segments: [0..<tokens], scale: scale, into: dq, dk: dk, dv: dv)
        }
    }

    /// What works on rows or single numbers, and is bound by memory or exponentials.
    private func measureRows(_ tokens: Int, _ timer: inout KernelTimer) {
        let (width, inner) = (model.shape.width, model.shape.feedForward)
        let (x, y, root) = (random(tokens, width), random(tokens, width), Matrix<Float>(rows: tokens, columns: 1))
        timer.move("RMSNorm", "\(tokens)×\(width)", bytes: 8 * x.count) {
            rmsNorm(
                x, weight: model.finalNorm, epsilon: model.configuration.normEpsilon, into: y, inverseRoot: root)
        }
        let (gate, up, hidden) = (random(tokens, inner), random(tokens, inner), random(tokens, inner))
        timer.move("SwiGLU", "\(tokens)×\(inner)", bytes: 12 * gate.count) {
            swiGLU(gate: gate, up: up, into: hidden)
        }
        let rows = min(64, tokens)
        let logits = random(rows, model.head.rows)
        let targets = (0..<rows).map { Int32($0 % model.head.rows) }
        timer.move("cross-entropy", "\(rows)×\(model.head.rows)", bytes: 8 * logits.count) {
            _ = crossEntropy(logits: logits, targets: targets, scale: 1)
        }
    }
}
