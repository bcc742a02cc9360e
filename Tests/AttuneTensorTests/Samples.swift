// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// Matrices and weights filled from a seed, and the measures that the tests share.
enum Samples {
    static func matrix<E: Scalar>(_ rows: Int, _ columns: Int, seed: UInt64, scale: Double = 1) -> Matrix<E> {
        let stream = RandomStream(seed: seed)
        return Matrix(
            rows: rows, columns: columns,
            (0..<rows * columns).map { E(scale * stream.normal(at: UInt64($0))) })
    }

    /// A weight of any type: random blocks whose scales are small half or float numbers.
    static func weight(_ type: BlockType, _ rows: Int, _ columns: Int, seed: UInt64) -> WeightMatrix {
        let stream = RandomStream(seed: seed, path: 7)
        let blocks = rows * columns / type.elements
        var bytes = [UInt8]()
        for block in 0..<blocks {
            var one = (0..<type.bytes).map { UInt8(truncatingIfNeeded: stream.bits(at: UInt64(block * 256 + $0))) }
            let value = Float(stream.normal(at: UInt64(block * 256 + 255)))
            switch type {
            case .f32: one = littleEndian(value.bitPattern, 4)
            case .f16: one = littleEndian(UInt32(Float16(value).bitPattern), 2)
            case .bf16: one = littleEndian(value.bitPattern >> 16, 2)
            case .mxfp4: one[0] = 124 + one[0] % 6
            default:
                for offset in halves(of: type) {
                    let half = Float16(0.01 + abs(value) * 0.02)
                    one.replaceSubrange(offset..<offset + 2, with: littleEndian(UInt32(half.bitPattern), 2))
                }
            }
            bytes += one
        }
        return weight(type, rows, columns, bytes: bytes)
    }

    static func weight(_ type: BlockType, _ rows: Int, _ columns: Int, bytes: [UInt8]) -> WeightMatrix {
        let storage = Storage<UInt8>(count: bytes.count)
        for (index, byte) in bytes.enumerated() { storage.base[index] = byte }
        return WeightMatrix(
            type: type, rows: rows, columns: columns,
            bytes: UnsafeRawBufferPointer(start: storage.base, count: bytes.count), owner: storage)
    }

    /// Where a block keeps half-precision scales.
    static func halves(of type: BlockType) -> [Int] {
        switch type {
        case .q4_0, .q5_0, .q8_0, .iq4NL, .iq4XS: [0]
        case .q4_1, .q5_1, .q4K, .q5K: [0, 2]
        case .q2K: [80, 82]
        case .q3K: [108]
        case .q6K: [208]
        case .f32, .f16, .bf16, .mxfp4: []
        }
    }

    static func littleEndian(_ value: UInt32, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
    }

    /// The rows of a weight as numbers.
    static func expanded<E: Scalar>(_ w: WeightMatrix) -> Matrix<E> {
        let floats = Matrix<Float>(rows: w.rows, columns: w.columns)
        dequantize(w, rows: 0..<w.rows, into: floats)
        return Matrix(rows: w.rows, columns: w.columns, floats.values.map { E($0) })
    }
}

/// max |a − b| / max |b|, infinite if either holds a number that is not finite.
func relativeError<A: Scalar, B: Scalar>(_ a: Matrix<A>, _ b: Matrix<B>) -> Double {
    guard a.rows == b.rows, a.columns == b.columns else { return .infinity }
    var difference = 0.0
    var largest = 1e-30
    for (x, y) in zip(a.values, b.values) {
        guard x.isFinite, y.isFinite else { return .infinity }
        difference = max(difference, abs(Double(x) - Double(y)))
        largest = max(largest, abs(Double(y)))
    }
    return difference / largest
}

/// Σ a∘b.
func inner(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Double {
    zip(a.values, b.values).reduce(0) { $0 + $1.0 * $1.1 }
}

/// Central differences of `loss` for every element of `x`, which is put back as it was.
func finiteDifferences(of x: Matrix<Double>, _ loss: () -> Double) -> Matrix<Double> {
    let gradient = Matrix<Double>(rows: x.rows, columns: x.columns)
    for index in 0..<x.count {
        let value = x.pointer[index]
        let step = 1e-5 * max(1, abs(value))
        x.pointer[index] = value + step
        let above = loss()
        x.pointer[index] = value - step
        let below = loss()
        x.pointer[index] = value
        gradient.pointer[index] = (above - below) / (2 * step)
    }
    return gradient
}

/// Every level of this machine but the portable one.
let fastLevels: [Kernels.Level] = Kernels.Level.allCases.filter { $0 > .portable && $0 <= Kernels.bestLevel }

/// The kernel under test by a name that the test macros can digest.
func allFinite(_ x: Matrix<Float>) -> Bool { AttuneTensor.isFinite(x) }
