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
            return example(tokens, trained: tokens.indices.map { $0 > 0 || Bool.random(using: &generator) })
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

    @Test(arguments: [UInt64](0..<24)) func eachAnswerIsLearnedOnceAfterWhatWasAsked(seed: UInt64) {
        var generator = SyntheticRandom(seed: seed)
        let maxLength = Int.random(in: 2...120, using: &generator)
        var next: Int32 = 0
        let examples = (0..<60).map { _ in
            var trained: [Bool] = []
            while trained.isEmpty || Bool.random(using: &generator) {
                trained += Array(repeating: false, count: Int.random(in: 1...maxLength * 2, using: &generator))
                trained += Array(repeating: true, count: Int.random(in: 1...maxLength * 2, using: &generator))
            }
            // Each token has an id of its own.
            return example(
                trained.map { _ in
                    defer { next += 1 }; return next
                }, trained: trained)
        }
        let packed = Packer(packing: .documents, maxLength: maxLength, endOfDocument: -1).packed(examples)
        var learned: [Int32: Int] = [:]
        var seen: Set<Int32> = []
        for block in packed.blocks {
            #expect(block.tokens.count <= maxLength)
            seen.formUnion(block.tokens)
            for segment in block.segments {
                let ids = block.tokens[segment]
                #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 + 1 == $1 })
                for index in segment.dropFirst() where block.trained[index] {
                    learned[block.tokens[index], default: 0] += 1
                }
            }
        }
        #expect(learned.values.allSatisfy { $0 == 1 })
        #expect(packed.omittedTokens == Int(next) - seen.count)
        // After a single token all is text, whose pieces begin anew.
        for example in examples where example.trained.dropFirst().contains(false) {
            for (index, id) in example.tokens.enumerated() where example.trained[index] {
                // A piece of two tokens has no room for what stands before a long answer.
                if maxLength >= 8 {
                    #expect(learned[id] == 1, "token \(index) of \(example.tokens.count), \(maxLength)")
                }
            }
        }
        #expect(packed.blocks.reduce(0) { $0 + $1.tokens.count } <= 4 * Int(next))
    }

    @Test func anAnswerAfterALongQuestionKeepsTheQuestionsEnd() {
        let packer = Packer(packing: .documents, maxLength: 6, endOfDocument: 0)
        let asked = (1...20).map { Int32($0) }
        let packed = packer.packed([
            example(asked + [21, 22], trained: asked.map { _ in false } + [true, true])
        ])
        #expect(packed.blocks.map(\.tokens) == [[17, 18, 19, 20, 21, 22]])
        #expect(packed.blocks.map(\.trained) == [[false, false, false, false, true, true]])
        #expect(packed.shortenedExamples == 1)
        #expect(packed.omittedTokens == 16)
        #expect(packed.splitExamples == 0)
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
