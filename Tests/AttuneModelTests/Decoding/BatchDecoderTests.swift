// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTokenizer
import Testing

@testable import AttuneModel

@Suite struct BatchDecoderTests {
    private func prompts(_ model: BaseModel, _ count: Int) -> [[Int32]] {
        (0..<count).map { index in
            ModelFixtures.batch(
                [1 + index * 7 % 23], vocabulary: model.shape.vocabulary, seed: UInt64(20 + index)
            ).tokens
        }
    }

    @Test(arguments: CacheType.allCases) func everySequenceHasTheLogitsItHasAlone(_ type: CacheType) throws {
        let model = try ModelFixtures.tiny(headDimension: 32)
        let adapters = try (0..<3).map {
            AppliedAdapter(try ModelFixtures.adapter(model, seed: UInt64($0) + 7, rank: 2 + $0))
        }
        // Some share an adapter, one has none, one has two.
        let sets = [[adapters[0]], [], [adapters[1]], [adapters[0]], [adapters[2], adapters[1]], [adapters[1]]]
        let batch = BatchDecoder(model: model, contextLength: 64, cacheType: type)
        let numbers = sets.map { batch.add(adapters: $0) }
        var inputs = prompts(model, sets.count)
        let alone = sets.map { Decoder(model: model, adapters: $0, contextLength: 64, cacheType: type) }
        for round in 0..<4 {
            let logits = try batch.evaluate(
                zip(numbers, inputs).map { BatchDecoder.Input(sequence: $0, ids: $1) })
            for (row, decoder) in alone.enumerated() {
                let expected = try decoder.evaluate(inputs[row])
                #expect(
                    ModelFixtures.difference(logits.rows(row..<row + 1), expected) < 1e-4, "\(row) in round \(round)")
                #expect(batch.tokens(of: numbers[row]) == decoder.tokens)
            }
            inputs = inputs.map { [($0[0] + Int32(round) * 13 + 1) % Int32(model.shape.vocabulary)] }
        }
    }

    @Test func sequencesComeAndGo() throws {
        let model = try ModelFixtures.tiny()
        let adapter = AppliedAdapter(try ModelFixtures.adapter(model))
        let batch = BatchDecoder(model: model, contextLength: 32)
        let (first, second) = (batch.add(), batch.add(adapters: [adapter]))
        _ = try batch.evaluate([.init(sequence: first, ids: [1, 2, 3]), .init(sequence: second, ids: [4, 5])])
        batch.remove(first)
        let third = batch.add()
        let logits = try batch.evaluate([.init(sequence: third, ids: [9, 8, 7]), .init(sequence: second, ids: [6])])
        let single = Decoder(model: model, adapters: [], contextLength: 32)
        #expect(try ModelFixtures.difference(logits.rows(0..<1), single.evaluate([9, 8, 7])) < 1e-5)
        single.setAdapters([adapter])
        #expect(try ModelFixtures.difference(logits.rows(1..<2), single.evaluate([4, 5, 6])) < 1e-5)
        batch.truncate(second, to: 1)
        #expect(batch.tokens(of: second) == [4])
        let again = try batch.evaluate([.init(sequence: second, ids: [5, 6])])
        single.truncate(to: 0)
        #expect(try ModelFixtures.difference(again, single.evaluate([4, 5, 6])) < 1e-5)
    }

    @Test func promptsLongerThanAPassAreCut() throws {
        let model = try ModelFixtures.tiny()
        let batch = BatchDecoder(model: model, contextLength: 1200)
        let long = ModelFixtures.batch([700, 3, 600], vocabulary: model.shape.vocabulary)
        let texts = long.segments.map { Array(long.tokens[$0]) }
        let logits = try batch.evaluate(texts.map { BatchDecoder.Input(sequence: batch.add(), ids: $0) })
        for (row, text) in texts.enumerated() {
            let single = Decoder(model: model, adapters: [], contextLength: 1200)
            #expect(try ModelFixtures.difference(logits.rows(row..<row + 1), single.evaluate(text)) < 1e-4)
        }
    }

    @Test func whatDoesNotFitLeavesAllSequencesAlone() throws {
        let model = try ModelFixtures.tiny()
        let batch = BatchDecoder(model: model, contextLength: 4)
        let (first, second) = (batch.add(), batch.add())
        _ = try batch.evaluate([.init(sequence: first, ids: [1, 2, 3])])
        func code(_ ids: [Int32]) -> String? {
            do {
                _ = try batch.evaluate([.init(sequence: second, ids: [1]), .init(sequence: first, ids: ids)])
            } catch { return (error as? ModelError)?.code }
            return nil
        }
        #expect(code([4, 5]) == "E-DECODE-001")
        #expect(code([-1]) == "E-DECODE-002")
        #expect(code([]) == "E-DECODE-003")
        #expect(batch.tokens(of: first) == [1, 2, 3])
        #expect(batch.tokens(of: second) == [])
        #expect(code([4]) == nil)
    }

    @Test func theRealModelGivesEverySequenceTheBytesItGetsAlone() throws {
        let model = try ModelFixtures.base.get()
        let adapters = try (0..<3).map {
            AppliedAdapter(try ModelFixtures.adapter(model, seed: UInt64($0) + 1, rank: 4, amplitude: 0.02))
        }
        let sets: [[AppliedAdapter]] = [[adapters[0]], [adapters[1]], [], [adapters[0]], [adapters[2], adapters[1]]]
        let texts = ["The harbour was", "Once upon a time", "The capital of France is", "def main():", "Dear diary,"]
        var inputs = texts.map { model.tokenizer.encode($0, special: .refused, addBOS: false) }
        func best(_ logits: Matrix<Float>) -> Int32 {
            var best = 0
            for index in 1..<logits.count where logits.pointer[index] > logits.pointer[best] { best = index }
            return Int32(best)
        }
        let batch = BatchDecoder(model: model, contextLength: 64, precision: .int8, cacheType: .f16)
        let numbers = sets.map { batch.add(adapters: $0) }
        let alone = sets.map {
            Decoder(model: model, adapters: $0, contextLength: 64, precision: .int8, cacheType: .f16)
        }
        for _ in 0..<8 {
            let logits = try batch.evaluate(zip(numbers, inputs).map { .init(sequence: $0, ids: $1) })
            inputs = try alone.indices.map { row in
                let expected = try alone[row].evaluate(inputs[row])
                #expect(logits.rows(row..<row + 1).values == expected.values, "\(texts[row])")
                return [best(expected)]
            }
        }
        for (number, decoder) in zip(numbers, alone) { #expect(batch.tokens(of: number) == decoder.tokens) }
    }
}
