// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import Testing

/// Compares a gradient with central differences of fourth order along random directions, in float64.
enum FiniteDifference {
    /// The largest |difference − ⟨gradient, direction⟩| relative to the length of the gradient.
    static func error(
        of gradient: Matrix<Double>, at point: Matrix<Double>, directions: Int = 3, seed: UInt64 = 77,
        _ value: () throws -> Double
    ) rethrows -> Double {
        let analytic = gradient.values
        let start = point.values
        let length = analytic.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let step = 1e-4
        var worst = 0.0
        for direction in 0..<directions {
            let random = RandomStream(seed: seed, path: UInt64(direction))
            let d = start.indices.map { random.uniform(at: UInt64($0)) * 2 - 1 }
            func moved(_ factor: Double) throws -> Double {
                for index in start.indices { point.pointer[index] = start[index] + factor * step * d[index] }
                return try value()
            }
            let numeric =
                try (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step)
            let expected = zip(analytic, d).reduce(0) { $0 + $1.0 * $1.1 }
            worst = max(worst, abs(numeric - expected) / max(length, 1e-12))
        }
        for index in start.indices { point.pointer[index] = start[index] }
        return worst
    }
}
