// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTraining
import Testing

@Suite struct SplitTests {
    @Test func tenPercentTakesEveryTenthRow() {
        let split = Split.byDocument(Array(0..<35), validation: 0.1)
        #expect(split.validation == [9, 19, 29])
        #expect(split.train == (0..<35).filter { $0 % 10 != 9 })
    }

    @Test(arguments: [
        (0.5, [1, 3, 5, 7, 9]), (0.25, [3, 7]), (0.3, [2, 5, 8]), (0.9, [1, 3, 5, 7, 9]), (0.001, [9]),
    ])
    func fractionsBecomeEveryNthRow(fraction: Double, validation: [Int]) {
        #expect(Split.byDocument(Array(0..<10), validation: fraction).validation == validation)
    }

    @Test(arguments: [2, 3, 9]) func fewDocumentsKeepOneForValidation(count: Int) {
        let split = Split.byDocument(Array(0..<count), validation: 0.1)
        #expect(split.validation == [count - 1])
        #expect(split.train.count == count - 1)
    }

    @Test(arguments: [0, -1, .nan, -.infinity] as [Double]) func noFractionSetsNothingAside(fraction: Double) {
        #expect(Split.byDocument([1, 2, 3], validation: fraction).validation.isEmpty)
    }

    @Test(arguments: [.leastNonzeroMagnitude, .infinity, 1e300, 1] as [Double])
    func extremeFractionsDoNotTrap(fraction: Double) {
        let split = Split.byDocument([1, 2, 3], validation: fraction)
        #expect(split.validation.count == 1)
        #expect(split.train.count == 2)
    }

    @Test func aSingleRowIsTrainedOn() {
        #expect(Split.byDocument([1], validation: 0.5).train == [1])
        #expect(Split.byDocument([Int](), validation: 0.5).train.isEmpty)
    }

    @Test(arguments: [-5, 0, 1, 2]) func everyNthBelowTwoMeansEverySecond(nth: Int) {
        #expect(Split.byDocument([0, 1, 2, 3], every: nth).validation == [1, 3])
    }
}
