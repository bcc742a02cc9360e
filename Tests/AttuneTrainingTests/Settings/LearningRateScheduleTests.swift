// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTraining
import Foundation
import Testing

@Suite struct LearningRateScheduleTests {
    private func rates(_ shape: LearningRateSchedule.Shape, warmup: Double = 0.03, steps: Int) -> [Double] {
        let schedule = LearningRateSchedule(shape: shape, peak: 2, warmupRatio: warmup, steps: steps)
        return (0..<steps).map { schedule.rate(at: $0) }
    }

    @Test func cosineWithWarmUpIsThatOfTheFormula() {
        let steps = 200
        for (step, rate) in rates(.cosine, steps: steps).enumerated() {
            let warmup = min(1, Double(step + 1) / max(1, 0.03 * 200))
            #expect(abs(rate - 2 * warmup * 0.5 * (1 + cos(.pi * Double(step) / 200))) < 1e-14)
        }
    }

    @Test func shortRunsHaveNoWarmUp() {
        #expect(rates(.constant, steps: 10) == [Double](repeating: 2, count: 10))
        #expect(abs(rates(.cosine, steps: 2)[1] - 1) < 1e-12)
        #expect(rates(.linear, steps: 4) == [2, 1.5, 1, 0.5])
    }

    @Test func warmUpRisesInEqualSteps() {
        let rates = rates(.constant, warmup: 0.5, steps: 8)
        #expect(rates == [0.5, 1, 1.5, 2, 2, 2, 2, 2])
    }
}
