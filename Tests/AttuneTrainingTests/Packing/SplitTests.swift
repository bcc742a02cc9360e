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

    private func document(_ text: String) -> Dataset.Row {
        Dataset.Row(row: .text(text), source: DataSource(root: "a", path: "a"))
    }

    @Test(arguments: ["Word and ", "Line of words.\n", "Paragraph of words.\n\n", "wort", "é"])
    func theEndOfASingleLongTextIsHeldOut(part: String) throws {
        let text = String(repeating: part, count: 5000 / part.utf8.count)
        let stretch = try #require(Split.byStretch([document(text)], validation: 0.1))
        guard case .text(let train) = stretch.train.row, case .text(let held) = stretch.validation.row else {
            Issue.record("no texts")
            return
        }
        #expect(train + held == text)
        #expect((0.08...0.16).contains(Double(held.utf8.count) / Double(text.utf8.count)), "\(held.utf8.count)")
        if let last = part.last, last.isWhitespace { #expect(train.last == last) }
    }

    @Test func shortTextsSeveralRowsAndChatsHaveNoStretch() {
        let long = String(repeating: "Line.\n", count: 1000)
        #expect(Split.byStretch([document("short")], validation: 0.1) == nil)
        #expect(Split.byStretch([document(long), document(long)], validation: 0.1) == nil)
        #expect(Split.byStretch([document(long)], validation: 0) == nil)
        let chat = Dataset.Row(row: .completion(prompt: "", completion: long), source: DataSource(root: "a", path: "a"))
        #expect(Split.byStretch([chat], validation: 0.1) == nil)
    }
}
