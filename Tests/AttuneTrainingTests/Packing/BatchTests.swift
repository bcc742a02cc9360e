// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTestSupport
import AttuneTraining
import Testing

@Suite struct BatchTests {
    @Test func targetsAreTheNextTokensOfTheSameSegment() {
        let first = Block(
            tokens: [10, 11, 12, 20, 21], segments: [0..<3, 3..<5], trained: [true, false, true, true, true])
        let second = Block(tokens: [30, 31], segments: [0..<2], trained: [true, true])
        let batch = Batch(blocks: [first, second])
        #expect(batch.packed.tokens == [10, 11, 12, 20, 21, 30, 31])
        #expect(batch.packed.positions == [0, 1, 2, 0, 1, 0, 1])
        #expect(batch.packed.segments == [0..<3, 3..<5, 5..<7])
        #expect(batch.targets == [11, 12, -1, 21, -1, 31, -1])
        #expect(batch.counted == [1, 3, 5])
    }

    @Test func aWholeBlockCountsAllButItsFirstToken() {
        let block = Block(tokens: Array(0..<512), segments: [0..<512], trained: Array(repeating: true, count: 512))
        let batch = Batch(blocks: [block, block])
        #expect(batch.counted.count == 2 * 511)
        #expect(batch.counted.count == 2 * block.targetCount)
        #expect(!batch.counted.contains(511))
        #expect(!batch.counted.contains(1023))
    }

    @Test func countedPositionsAreThoseBeforeTrainedTokensOnRandomBlocks() {
        var generator = SyntheticRandom(seed: 7)
        let examples = (0..<80).map { index in
            let count = Int.random(in: 1...30, using: &generator)
            return Example(
                tokens: (0..<count).map { Int32(index * 100 + $0) },
                trained: (0..<count).map { _ in Bool.random(using: &generator) },
                source: DataSource(root: "a", path: "a"))
        }
        let blocks = Packer(packing: .documents, maxLength: 32, endOfDocument: 0).pack(examples)
        let batch = Batch(blocks: blocks)
        #expect(batch.targets.count == batch.packed.count)
        #expect(batch.counted.count == examples.reduce(0) { $0 + $1.targetCount })
        for position in batch.counted {
            let (token, target) = (batch.packed.tokens[position], batch.targets[position])
            #expect(target == token + 1)
            #expect(target / 100 == token / 100)
            #expect(examples[Int(target) / 100].trained[Int(target) % 100])
        }
    }

    @Test func noBlocksGiveAnEmptyBatch() {
        let batch = Batch(blocks: [])
        #expect(batch.packed.count == 0)
        #expect(batch.targets.isEmpty)
        #expect(batch.counted.isEmpty)
    }
}
