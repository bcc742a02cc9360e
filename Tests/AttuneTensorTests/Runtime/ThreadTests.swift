// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import CAttuneKernels
import Foundation
import Synchronization
import Testing

@Suite(.serialized) struct ThreadTests {
    /// The bytes of every operation on shapes that make many chunks.
    private func fingerprint(_ level: Kernels.Level) -> [[Float]] {
        Kernels.at(level) {
            let w = Samples.weight(.q4_1, 130, 128, seed: 1)
            let x: Matrix<Float> = Samples.matrix(300, 128, seed: 2)
            let dy: Matrix<Float> = Samples.matrix(300, 130, seed: 3)
            var results: [[Float]] = []
            for precision in Precision.allCases {
                let (y, dx) = (Matrix<Float>(rows: 300, columns: 130), Matrix<Float>(rows: 300, columns: 128))
                multiply(x, by: w, into: y, precision: precision)
                multiplyTransposed(dy, by: w, into: dx, precision: precision, accumulating: false)
                let few = Matrix<Float>(rows: 3, columns: 130)
                multiply(x.rows(0..<3), by: w, into: few, precision: precision)
                results += [y.values, dx.values, few.values]
            }
            let c = Matrix<Float>(rows: 130, columns: 128)
            multiply(dy, transposed: true, x, into: c)
            let (o, l) = (Matrix<Float>(rows: 300, columns: 128), Matrix<Float>(rows: 300, columns: 4))
            let (k, v) = (
                x.reshaped(rows: 600, columns: 64).rows(0..<300), x.reshaped(rows: 600, columns: 64).rows(300..<600)
            )
            attention(
                q: x, k: k, v: v, headDimension: 32, segments: [0..<200, 200..<300], scale: 0.2, into: o, logSumExp: l)
            let (dq, dk, dv) = (
                Matrix<Float>(rows: 300, columns: 128), Matrix<Float>(rows: 300, columns: 64),
                Matrix<Float>(rows: 300, columns: 64)
            )
            attentionBackward(
                dO: x, q: x, k: k, v: v, o: o, logSumExp: l, headDimension: 32, segments: [0..<200, 200..<300],
                scale: 0.2, into: dq, dk: dk, dv: dv)
            results += [c.values, o.values, l.values, dq.values, dk.values, dv.values]
            let r = Matrix<Float>(rows: 300, columns: 1)
            rmsNorm(x, weight: c.rows(0..<1), epsilon: 1e-5, into: o, inverseRoot: r)
            rmsNormBackward(x, x: o, weight: c.rows(0..<1), inverseRoot: r, accumulatingInto: dq)
            swiGLUBackward(dh: x, gate: o, up: dq, dGate: o, dUp: dq)
            dropout(o, into: o, rate: 0.1, stream: RandomStream(seed: 1))
            let loss = crossEntropy(logits: dy, targets: [Int32](repeating: 3, count: 300), scale: 1)
            results += [o.values, dq.values, dy.values, [Float(loss), Float(sumOfSquares(x))]]
            let moments = QuantizedMoments(tensors: [38_000, 400])
            adamW(
                AdamWStep(
                    step: 1, rate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, gradientScale: 1),
                parameters: o.reshaped(rows: 1, columns: 38_400), gradients: x.reshaped(rows: 1, columns: 38_400),
                moments: moments)
            results += [o.values, moments.m.scales.values, moments.v.codes.values.map { Float($0) }]
            return results
        }
    }

    @Test func bytesDoNotDependOnTheNumberOfThreads() {
        defer { Kernels.configure(threads: nil) }
        for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
            Kernels.configure(threads: 1)
            #expect(Kernels.threads == 1)
            let one = fingerprint(level)
            for threads in [2, 3] {
                Kernels.configure(threads: threads)
                #expect(Kernels.threads == threads)
                #expect(fingerprint(level) == one, "\(level) on \(threads) threads")
            }
        }
    }

    @Test func jobsFromManyThreadsAndInsideOfJobsAllFinish() async {
        final class Counter: Sendable {
            let count = Mutex(0)
        }
        let counter = Counter()
        let threads = (0..<4).map { _ in
            Thread {
                for _ in 0..<200 {
                    attune_parallel(
                        17,
                        { context, _ in
                            attune_parallel(
                                2,
                                {
                                    Unmanaged<Counter>.fromOpaque($0!).takeUnretainedValue().count.withLock { $0 += 1 };
                                    _ = $1
                                },
                                context)
                        }, Unmanaged.passUnretained(counter).toOpaque())
                }
            }
        }
        for thread in threads { thread.start() }
        for threadCount in [3, 1, 2] { Kernels.configure(threads: threadCount) }
        while counter.count.withLock({ $0 }) < 4 * 200 * 34 { await Task.yield() }
        Kernels.configure(threads: nil)
        #expect(counter.count.withLock { $0 } == 4 * 200 * 34)
    }

    @Test func theReportNamesLevelAndThreads() {
        let report = Kernels.report
        #expect(report["level"] == Kernels.level)
        #expect(report["openblas"]?.isEmpty == false)
        #expect(Kernels.threads >= 1)
    }

    @Test func anInheritedCoreFromBeforeAVX512IsReplaced() {
        #expect(Kernels.betterCore(than: "Haswell", inherited: "Haswell", hasAVX512: true) == "SkylakeX")
        #expect(Kernels.betterCore(than: "zen", inherited: "Zen", hasAVX512: true) == "SkylakeX")
        #expect(Kernels.betterCore(than: "Haswell", inherited: "Haswell", hasAVX512: false) == nil)
        #expect(Kernels.betterCore(than: "Haswell", inherited: nil, hasAVX512: true) == nil)
        #expect(Kernels.betterCore(than: "Cooperlake", inherited: "Haswell", hasAVX512: true) == nil)
        if ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == "Haswell", Kernels.bestLevel >= .avx512 {
            #expect(Kernels.report["openblas"]?.hasPrefix("SkylakeX instead of Haswell") == true)
        }
    }

    @Test(arguments: [
        ("50000 100000\n", 1), ("100000 100000\n", 1), ("250000 100000\n", 2), ("max 100000\n", Int32.max),
        ("400000\n", Int32.max), ("", Int32.max), ("-1 100000", Int32.max), ("100000 0", Int32.max),
        ("99999999999999999999999 1", Int32.max), ("nonsense", Int32.max),
    ])
    func aQuotaGivesWholeCPUsAndAtLeastOne(_ text: String, _ cpus: Int32) {
        #expect(attune_quota_cpus(text) == cpus)
    }

    @Test func noMoreThreadsAreUsualThanCanRun() {
        #expect(attune_default_threads() >= 1)
        #expect(attune_default_threads() <= attune_most_threads())
    }
}
