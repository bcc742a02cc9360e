// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTokenizer
import Foundation
import Testing

@Suite struct Int8DecodingTests {
    static let texts = [
        "The capital of France is Paris, and the capital of Italy is Rome. Both cities have a long history.",
        "def add(a, b):\n    return a + b\n\nprint(add(1, 2))\n",
        "Dear diary, today it rained all day and I stayed at home with a book about the sea.",
        "Water boils at one hundred degrees and freezes at zero; between the two it is liquid.",
    ]

    private func decoder(
        _ precision: DecodingPrecision, _ adapters: [AppliedAdapter] = [], context: Int = 128
    ) throws -> Decoder {
        Decoder(
            model: try ModelFixtures.base.get(), adapters: adapters, contextLength: context, precision: precision)
    }

    @Test(arguments: [0, 8]) func theDistributionsAreThoseOfFloat32(rank: Int) throws {
        let model = try ModelFixtures.base.get()
        let adapters =
            rank > 0 ? [AppliedAdapter(try ModelFixtures.adapter(model, rank: rank, amplitude: 0.02))] : []
        var divergences: [Double] = []
        for text in Self.texts {
            let ids = model.tokenizer.encode(text, special: .refused, addBOS: false)
            let exact = try decoder(.float32, adapters).evaluateAll(ids)
            let rounded = try decoder(.int8, adapters).evaluateAll(ids)
            divergences += ids.indices.map {
                Divergence.of(exact.rows($0..<$0 + 1), rounded.rows($0..<$0 + 1))
            }
        }
        let mean = divergences.reduce(0, +) / Double(divergences.count)
        #expect(mean < 1e-2, "\(mean)")
    }

    static let isSlow = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == "1"
    static let openings = [
        "The capital of France is", "Once upon a time", "def fibonacci(n):\n", "Dear Anna,", "The recipe begins with",
        "In the year 1660", "My favourite tree is", "To mend a bicycle, first", "The sea was calm when",
        "Scientists have found that", "1, 2, 3, 4,", "Question: What is gravity?\nAnswer:", "The meeting was about",
        "She opened the letter and", "A good night's sleep", "import os\n", "The difference between cats and dogs",
        "It was raining in", "The winter of that year", "To be a good neighbour",
    ]

    /// Along what float32 writes, 64 tokens after each of 20 openings.
    @Test(.enabled(if: isSlow)) func alongGreedyTextsTheDistributionsAreThoseOfFloat32() throws {
        let model = try ModelFixtures.base.get()
        var divergences: [Double] = []
        for opening in Self.openings {
            let exact = try decoder(.float32)
            var ids = model.tokenizer.encode(opening, special: .refused, addBOS: false)
            var logits = try exact.evaluate(ids)
            let rounded = try decoder(.int8)
            var other = try rounded.evaluate(ids)
            for _ in 0..<64 {
                divergences.append(Divergence.of(logits, other))
                let next = Int32(logits.buffer.indices.max { logits.buffer[$0] < logits.buffer[$1] } ?? 0)
                ids.append(next)
                logits = try exact.evaluate([next])
                other = try rounded.evaluate([next])
            }
        }
        let mean = divergences.reduce(0, +) / Double(divergences.count)
        #expect(mean < 1e-2, "mean over \(divergences.count) tokens: \(mean)")
        print("int8 against float32: mean divergence \(mean) nats over \(divergences.count) tokens")
    }

    @Test func theBytesDoNotDependOnThePieces() throws {
        let model = try ModelFixtures.base.get()
        let ids = model.tokenizer.encode(Self.texts[0], special: .refused, addBOS: false)
        let adapter = AppliedAdapter(try ModelFixtures.adapter(model, rank: 4, amplitude: 0.02))
        let whole = try decoder(.int8, [adapter]).evaluate(ids).values
        let pieces = try decoder(.int8, [adapter])
        for range in [0..<1, 1..<4, 4..<ids.count - 1] { _ = try pieces.evaluate(Array(ids[range])) }
        #expect(try pieces.evaluate([ids[ids.count - 1]]).values == whole)
        let all = try decoder(.int8, [adapter]).evaluateAll(ids)
        #expect(all.rows(ids.count - 1..<ids.count).values == whole)
    }

    @Test func adaptersActAsInFloat32() throws {
        let model = try ModelFixtures.base.get()
        let ids = model.tokenizer.encode(Self.texts[2], special: .refused, addBOS: false)
        let adapter = AppliedAdapter(try ModelFixtures.adapter(model, rank: 8, amplitude: 0.2))
        let other = AppliedAdapter(try ModelFixtures.adapter(model, seed: 8, rank: 3, amplitude: 0.2))
        let base = try decoder(.float32).evaluate(ids)
        for adapters in [[adapter], [adapter, other.scaled(0.5)]] {
            let exact = try decoder(.float32, adapters).evaluate(ids)
            let rounded = try decoder(.int8, adapters).evaluate(ids)
            #expect(Divergence.of(exact, base) > 0.1)
            #expect(Divergence.of(exact, rounded) < 0.02)
        }
    }

    @Test func switchingBackGivesTheSameBytes() throws {
        let model = try ModelFixtures.base.get()
        let adapter = AppliedAdapter(try ModelFixtures.adapter(model, rank: 2, amplitude: 0.02))
        let decoder = try decoder(.int8)
        let ids: [Int32] = [5, 17, 9, 200]
        let base = try decoder.evaluate(ids).values
        decoder.setAdapters([adapter])
        let adapted = try decoder.evaluate(ids).values
        #expect(adapted != base)
        decoder.setAdapters([adapter.scaled(0)])
        #expect(try decoder.evaluate(ids).values == base)
        decoder.setAdapters([adapter])
        #expect(try decoder.evaluate(ids).values == adapted)
    }

    @Test func weightsWithoutARepackedFormAreUsedAsTheyAre() throws {
        let model = try ModelFixtures.tiny(biases: true)
        let adapter = AppliedAdapter(try ModelFixtures.adapter(model))
        let ids: [Int32] = [5, 17, 9, 200]
        func logits(_ precision: DecodingPrecision) throws -> [Float] {
            try Decoder(model: model, adapters: [adapter], contextLength: 8, precision: precision).evaluate(ids).values
        }
        #expect(RepackedWeights.byteCount(model) == 0)
        let (copied, stored) = (try logits(.int8), try logits(.bfloat16))
        #expect(copied == stored)
    }

    @Test func oneCopyServesAllDecoders() throws {
        let model = try ModelFixtures.base.get()
        let first = model.repacked
        #expect(model.repacked === first)
        let stored = model.layers.flatMap { layer in TargetModule.allCases.map { layer[$0].bytes.count } }
        #expect(RepackedWeights.byteCount(model) == stored.reduce(model.head.bytes.count, +))
    }
}
