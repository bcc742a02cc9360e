// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import Foundation
import Testing

@Suite struct CachedAttentionTests {
    struct Case: Sendable, CustomStringConvertible {
        let type: CacheType
        let heads: Int
        let keyValueHeads: Int
        let headDimension: Int
        /// For each sequence the positions that came before and the new rows.
        let sequences: [(before: Int, new: Int)]
        var description: String { "\(type) H \(heads) K \(keyValueHeads) hd \(headDimension) \(sequences)" }
        var rows: Int { sequences.reduce(0) { $0 + $1.new } }

        /// Shapes from a seed; every third of each type.
        init(seed: UInt64) {
            let stream = RandomStream(seed: seed, path: 3)
            func draw(_ index: UInt64, _ range: ClosedRange<Int>) -> Int {
                range.lowerBound + Int(stream.bits(at: index) % UInt64(range.count))
            }
            type = CacheType.allCases[Int(seed % 3)]
            keyValueHeads = draw(0, 1...3)
            heads = keyValueHeads * draw(1, 1...5)
            headDimension = type == .q8_0 ? 32 * draw(2, 1...3) : draw(2, 1...100)
            sequences = (0..<draw(3, 1...3)).map {
                (draw(10 + UInt64($0), 0...300), draw(20 + UInt64($0), seed % 2 == 0 ? 1...4 : 1...90))
            }
        }
    }

    /// A case with its numbers: all keys and values are kept, and attention is computed on some of the new rows.
    struct Run {
        let c: Case
        let q: Matrix<Float>
        private let keys: [Matrix<Float>]
        private let values: [Matrix<Float>]

        init(_ c: Case) {
            self.c = c
            q = Samples.matrix(c.rows, c.heads * c.headDimension, seed: 1)
            let width = c.keyValueHeads * c.headDimension
            keys = c.sequences.enumerated().map { Samples.matrix($1.before + $1.new, width, seed: 2 + UInt64($0)) }
            values = c.sequences.enumerated().map { Samples.matrix($1.before + $1.new, width, seed: 9 + UInt64($0)) }
        }

        /// The caches, of which what was never stored reads as NaN or as large numbers.
        func stored() -> [CachedRows] {
            zip(c.sequences, zip(keys, values)).map { sequence, kept in
                let capacity = sequence.before + sequence.new + 1
                let bytes = c.keyValueHeads * capacity * c.type.rowBytes(headDimension: c.headDimension)
                let (k, v) = (Storage<UInt8>(count: bytes), Storage<UInt8>(count: bytes))
                for storage in [k, v] {
                    UnsafeMutableBufferPointer(start: storage.base, count: bytes).update(repeating: 0xFF)
                }
                func rows(_ positions: Range<Int>) -> CachedRows {
                    CachedRows(
                        type: c.type, keyValueHeads: c.keyValueHeads, headDimension: c.headDimension,
                        capacity: capacity, keys: k, values: v, positions: positions)
                }
                // In two parts, as a prompt and what follows it.
                let parts = [0..<sequence.before, sequence.before..<sequence.before + sequence.new]
                for part in parts where !part.isEmpty {
                    store(kept.0.rows(part), kept.1.rows(part), into: [rows(part)])
                }
                return rows(parts[1])
            }
        }

        func attention(_ level: Kernels.Level) -> Matrix<Float> {
            let o = Matrix<Float>(rows: q.rows, columns: q.columns)
            Kernels.at(level) { cachedAttention(q: q, on: stored(), scale: 0.2, into: o) }
            return o
        }

        /// By the formula, from keys and values that were not rounded.
        func exact() -> Matrix<Float> {
            let o = Matrix<Float>(rows: q.rows, columns: q.columns)
            var row = 0
            for (index, sequence) in c.sequences.enumerated() {
                for new in 0..<sequence.new {
                    for h in 0..<c.heads {
                        mix(row, head: h, keys[index], values[index], seen: sequence.before + new + 1, into: o)
                    }
                    row += 1
                }
            }
            return o
        }

        private func mix(
            _ row: Int, head h: Int, _ k: Matrix<Float>, _ v: Matrix<Float>, seen: Int, into o: Matrix<Float>
        ) {
            let hd = c.headDimension
            let kv = h / (c.heads / c.keyValueHeads) * hd
            var sums = [Double](repeating: 0, count: hd)
            var total = 0.0
            for j in 0..<seen {
                var dot = 0.0
                for d in 0..<hd { dot += Double(q[row, h * hd + d]) * Double(k[j, kv + d]) }
                let weight = exp(0.2 * dot)
                total += weight
                for d in 0..<hd { sums[d] += weight * Double(v[j, kv + d]) }
            }
            for d in 0..<hd { o[row, h * hd + d] = Float(sums[d] / total) }
        }
    }

    @Test(arguments: 0..<24) func everyLevelAgreesWithThePortableOne(_ seed: UInt64) {
        let run = Run(Case(seed: seed))
        let expected = run.attention(.portable)
        for level in fastLevels { #expect(relativeError(run.attention(level), expected) < 1e-5, "\(level) \(run.c)") }
    }

    @Test(arguments: 0..<6) func everyTypeComesNearTheFormula(_ seed: UInt64) {
        let run = Run(Case(seed: 2 * seed))
        let bounds: [CacheType: Double] = [.f32: 1e-5, .f16: 2e-3, .q8_0: 4e-2]
        #expect(relativeError(run.attention(.portable), run.exact()) < bounds[run.c.type] ?? 0, "\(run.c)")
    }

    @Test(arguments: 0..<12) func aRowDependsOnNoOtherRow(_ seed: UInt64) {
        let run = Run(Case(seed: seed))
        for level in fastLevels {
            let together = run.attention(level)
            var row = 0
            for sequence in run.stored() {
                for position in sequence.positions {
                    let alone = CachedRows(
                        type: sequence.type, keyValueHeads: sequence.keyValueHeads,
                        headDimension: sequence.headDimension, capacity: sequence.capacity, keys: sequence.keys,
                        values: sequence.values, positions: position..<position + 1)
                    let o = Matrix<Float>(rows: 1, columns: run.q.columns)
                    Kernels.at(level) {
                        cachedAttention(q: run.q.rows(row..<row + 1), on: [alone], scale: 0.2, into: o)
                    }
                    #expect(o.values == together.rows(row..<row + 1).values, "\(level) row \(row) of \(run.c)")
                    row += 1
                }
            }
        }
    }

    @Test func manySplitsGiveWhatTheFormulaGives() {
        for type in CacheType.allCases {
            let c = Case(
                type: type, heads: 2, keyValueHeads: 1, headDimension: 32, sequences: [(before: 1500, new: 2)])
            let run = Run(c)
            let expected = run.attention(.portable)
            for level in fastLevels { #expect(relativeError(run.attention(level), expected) < 1e-5, "\(level) \(c)") }
        }
    }

    @Test func everyLevelKeepsTheSameBytes() {
        let numbers: [Float] = [
            0, -0.0, 1, -1, 1e-8, 6e-8, 1e-5, 0.1, 65504, 65519, 65520, 1e6, -1e30, 3.3333, 2049, 5e-5,
        ]
        let k = Matrix<Float>(rows: 2, columns: 64)
        for index in 0..<k.count {
            k.pointer[index] = numbers[index % 16] * (index < 64 ? 1 : Float(index % 7) * 0.01)
        }
        for type in CacheType.allCases {
            func bytes(_ level: Kernels.Level) -> [UInt8] {
                let count = 2 * type.rowBytes(headDimension: 64)
                let (keys, values) = (Storage<UInt8>(count: count), Storage<UInt8>(count: count))
                let rows = CachedRows(
                    type: type, keyValueHeads: 1, headDimension: 64, capacity: 2, keys: keys, values: values,
                    positions: 0..<2)
                Kernels.at(level) { store(k, k, into: [rows]) }
                return Array(UnsafeBufferPointer(start: keys.base, count: count))
            }
            let expected = bytes(.portable)
            for level in fastLevels { #expect(bytes(level) == expected, "\(level) \(type)") }
            guard type == .f16 else { continue }
            let halves = expected.withUnsafeBytes { Array($0.bindMemory(to: Float16.self)) }
            for (half, number) in zip(halves, k.values) {
                #expect(half == Float16(max(-65504, min(65504, number))), "\(number)")
            }
        }
    }

    @Test(arguments: CacheType.allCases) func whatIsNotANumberIsSeen(_ type: CacheType) {
        let k = Matrix<Float>(rows: 1, columns: 32)
        for bad in [Float.nan, -.nan] {
            for level in Kernels.Level.allCases where level <= Kernels.bestLevel {
                k[0, 7] = bad
                let count = type.rowBytes(headDimension: 32)
                let rows = CachedRows(
                    type: type, keyValueHeads: 1, headDimension: 32, capacity: 1, keys: Storage(count: count),
                    values: Storage(count: count), positions: 0..<1)
                let o = Matrix<Float>(rows: 1, columns: 32)
                Kernels.at(level) {
                    store(k, k, into: [rows])
                    cachedAttention(q: k, on: [rows], scale: 1, into: o)
                }
                #expect(o[0, 7].isNaN, "\(level)")
            }
        }
    }
}

extension CachedAttentionTests.Case {
    init(
        type: CacheType, heads: Int, keyValueHeads: Int, headDimension: Int, sequences: [(before: Int, new: Int)]
    ) {
        self.type = type
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.sequences = sequences
    }
}
