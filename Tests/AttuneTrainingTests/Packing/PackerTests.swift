// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneTraining
import Testing

@Suite struct PackerTests {
    private func example(_ tokens: [Int32], trained: [Bool]? = nil) -> Example {
        Example(
            tokens: tokens, trained: trained ?? tokens.map { _ in true }, source: DataSource(root: "a", path: "a"))
    }

    private func randomExamples(_ generator: inout SyntheticRandom, count: Int, longest: Int) -> [Example] {
        (0..<count).map { _ in
            let tokens = (0..<Int.random(in: 0...longest, using: &generator)).map { _ in
                Int32.random(in: 1...5000, using: &generator)
            }
            return example(tokens, trained: tokens.map { _ in Bool.random(using: &generator) })
        }
    }

    @Test(arguments: [UInt64](0..<12)) func documentPackingLosesNothingAndFillsNoBlockTooFar(seed: UInt64) {
        var generator = SyntheticRandom(seed: seed)
        let maxLength = Int.random(in: 2...200, using: &generator)
        let examples = randomExamples(&generator, count: 150, longest: maxLength * 3)
        let packed = Packer(packing: .documents, maxLength: maxLength, endOfDocument: 0).packed(examples)
        #expect(packed.droppedTokens == 0)
        #expect(packed.splitExamples == examples.count { $0.tokens.count > maxLength })
        func pairs(_ tokens: [Int32], _ trained: [Bool]) -> [Int] {
            zip(tokens, trained).map { Int($0) * 2 + ($1 ? 1 : 0) }
        }
        #expect(
            packed.blocks.flatMap { pairs($0.tokens, $0.trained) }.sorted()
                == examples.flatMap { pairs($0.tokens, $0.trained) }.sorted())
        for block in packed.blocks {
            #expect(!block.tokens.isEmpty)
            #expect(block.tokens.count <= maxLength)
            #expect(block.segments.first?.lowerBound == 0)
            #expect(block.segments.last?.upperBound == block.tokens.count)
            for (left, right) in zip(block.segments, block.segments.dropFirst()) {
                #expect(left.upperBound == right.lowerBound)
            }
            #expect(block.segments.allSatisfy { !$0.isEmpty })
        }
    }

    @Test func everySegmentIsAPieceOfOneExample() {
        var generator = SyntheticRandom(seed: 99)
        // Each example has one token id of its own, so that a segment with two ids would show a leak.
        let examples = (1...200).map { id in
            example(Array(repeating: Int32(id), count: Int.random(in: 1...90, using: &generator)))
        }
        for block in Packer(packing: .documents, maxLength: 40, endOfDocument: 0).pack(examples) {
            for segment in block.segments { #expect(Set(block.tokens[segment]).count == 1) }
        }
    }

    @Test func shortExamplesFillBlocksBestFitDecreasing() {
        let examples = [3, 5, 6, 2, 4].enumerated().map { index, length in
            example(Array(repeating: Int32(index), count: length))
        }
        let blocks = Packer(packing: .documents, maxLength: 10, endOfDocument: 0).pack(examples)
        // 6, 5, 4→with 6, 3→with 5, 2→with 5 and 3; then in the order of the data.
        #expect(blocks.map(\.tokens) == [[0, 0, 0, 1, 1, 1, 1, 1, 3, 3], [2, 2, 2, 2, 2, 2, 4, 4, 4, 4]])
        #expect(blocks.map(\.segments) == [[0..<3, 3..<8, 8..<10], [0..<6, 6..<10]])
    }

    @Test func aLastPieceIsNeverASingleToken() {
        let packer = Packer(packing: .documents, maxLength: 4, endOfDocument: 0)
        let blocks = packer.pack([example([1, 2, 3, 4, 5, 6, 7, 8, 9])])
        #expect(blocks.map(\.tokens) == [[1, 2, 3, 4], [5, 6, 7], [8, 9]])
    }

    @Test func wrappedPackingCutsTheConcatenationAndDropsTheTail() {
        let packer = Packer(packing: .wrapped, maxLength: 4, endOfDocument: 0)
        let packed = packer.packed([example([1, 2, 3, 0]), example([4, 0]), example([5, 6, 7, 8, 0])])
        #expect(packed.blocks.map(\.tokens) == [[1, 2, 3, 0], [4, 0, 5, 6]])
        #expect(packed.blocks.allSatisfy { $0.segments == [0..<4] && $0.trained.allSatisfy { $0 } })
        #expect(packed.droppedTokens == 3)
    }

    @Test func wrappedPackingSeparatesExamplesThatDoNotEndADocument() {
        let packer = Packer(packing: .wrapped, maxLength: 3, endOfDocument: 0)
        let blocks = packer.pack([example([1, 2]), example([3, 4])])
        #expect(blocks.map(\.tokens) == [[1, 2, 0], [3, 4, 0]])
        #expect(blocks.map(\.trained) == [[true, true, false], [true, true, false]])
    }

    @Test(arguments: Packing.allCases) func noExamplesGiveNoBlocks(packing: Packing) {
        let packer = Packer(packing: packing, maxLength: 8, endOfDocument: 0)
        #expect(packer.pack([]).isEmpty)
        #expect(packer.pack([example([])]).isEmpty)
    }

    @Test(arguments: Packing.allCases) func packingTwiceGivesTheSameBlocks(packing: Packing) {
        var generator = SyntheticRandom(seed: 5)
        let examples = randomExamples(&generator, count: 300, longest: 100)
        let packer = Packer(packing: packing, maxLength: 64, endOfDocument: 0)
        let (first, second) = (packer.pack(examples), packer.pack(examples))
        #expect(first.map(\.tokens) == second.map(\.tokens))
        #expect(first.map(\.segments) == second.map(\.segments))
    }
}
