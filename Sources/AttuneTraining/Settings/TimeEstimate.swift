// Attune
// SPDX-License-Identifier: Apache-2.0

/// How long a run will take, from steps that were measured.
package struct TimeEstimate: Codable, Hashable, Sendable {
    /// Seconds for the whole run, from the fastest and from the slowest of the measured passes.
    package let low: Double
    package let high: Double
    package let tokensPerSecond: Double

    /// - Parameters:
    ///   - measured: tokens and seconds of training passes.
    ///   - trainingTokens: tokens of all steps that are left.
    ///   - evaluatedTokens: tokens of all validations that are left; they cost a third of a training pass.
    package init(measured: [(tokens: Int, seconds: Double)], trainingTokens: Int, evaluatedTokens: Int) {
        let rates = measured.filter { $0.tokens > 0 }.map { $0.seconds / Double($0.tokens) }
        let work = Double(trainingTokens) + Double(evaluatedTokens) / 3
        let fastest = rates.min() ?? 0
        let slowest = rates.max() ?? 0
        low = work * fastest
        high = work * slowest
        let mean = rates.isEmpty ? 0 : rates.reduce(0, +) / Double(rates.count)
        tokensPerSecond = mean > 0 ? 1 / mean : 0
    }
}
