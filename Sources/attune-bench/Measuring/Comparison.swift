// Attune
// SPDX-License-Identifier: Apache-2.0

/// Medians of both sides, and the median of the ratios of paired rounds.
struct Comparison: Encodable {
    let plainSeconds: Double
    let sealedSeconds: Double
    let ratio: Double

    init(_ plain: [Double], _ sealed: [Double]) {
        plainSeconds = Self.median(plain)
        sealedSeconds = Self.median(sealed)
        ratio = Self.median(zip(plain, sealed).map { $1 / $0 })
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}
