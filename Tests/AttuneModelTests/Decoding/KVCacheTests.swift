// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTestSupport
import AttuneTokenizer
import Testing

@testable import AttuneModel

@Suite struct KVCacheTests {
    @Test(arguments: CacheType.allCases) func itGrowsOnlyWhenItMustAndKeepsWhatItHolds(_ type: CacheType) throws {
        let model = try ModelFixtures.tiny(headDimension: 32)
        var cache = KVCache(configuration: model.configuration, limit: 1000, type: type)
        #expect(cache.capacity == 0)
        cache.reserve(10, keeping: 0)
        #expect(cache.capacity == 256)
        let storage = cache.keys[0]
        let row: Matrix<Float> = ModelFixtures.random(1, cache.keyValueHeads * 32, seed: 1)
        store(row, row, into: [cache.rows(layer: 0, position: 9, count: 1)])
        func kept() -> [[UInt8]] {
            let bytes = type.rowBytes(headDimension: 32)
            return (0..<cache.keyValueHeads).map { head in
                let start = cache.keys[0].base + (head * cache.capacity + 9) * bytes
                return Array(UnsafeBufferPointer(start: start, count: bytes))
            }
        }
        let before = kept()
        #expect(before.allSatisfy { $0.contains { $0 != 0 } })
        cache.reserve(256, keeping: 10)
        #expect(cache.keys[0] === storage)
        cache.reserve(257, keeping: 10)
        #expect(cache.capacity == 512)
        #expect(kept() == before)
        cache.reserve(1000, keeping: 10)
        #expect(cache.capacity == 1000)
        #expect(kept() == before)
    }

    @Test(arguments: CacheType.allCases) func theFigureIsWhatItTakes(_ type: CacheType) throws {
        let model = try ModelFixtures.tiny(headDimension: 32)
        for (positions, limit) in [(3, 10), (3, 1000), (700, 1000)] {
            var cache = KVCache(configuration: model.configuration, limit: limit, type: type)
            cache.reserve(positions, keeping: 0)
            let taken = (cache.keys + cache.values).reduce(0) { $0 + $1.count }
            #expect(KVCache.bytes(type, shape: model.shape, positions: positions, limit: limit) == taken)
        }
        let shape = try ModelFixtures.base.get().shape
        // Half precision takes 23,040 bytes a token of SmolLM2-135M, q8_0 34/64 of that.
        let expected: [CacheType: Int] = [.f32: 46080, .f16: 23040, .q8_0: 12240]
        #expect(KVCache.bytes(type, shape: shape, positions: 8192, limit: 8192) == expected[type].map { $0 * 8192 })
    }

    @Test func headsThatAreNoWholeBlocksAreRefused() throws {
        let odd = try ModelFixtures.tiny().configuration
        #expect(odd.headDimension == 8)
        #expect(throws: Never.self) { try CacheType.f16.require(odd) }
        let error = #expect(throws: ModelError.self) { try CacheType.q8_0.require(odd) }
        #expect(error?.code == "E-DECODE-004")
        #expect(error?.remedy?.contains("--kv-cache f16") == true)
    }

    @Test func longTextsInPiecesEqualThePortableOnes() throws {
        let model = try ModelFixtures.tiny(headDimension: 32)
        let ids = ModelFixtures.batch([600], vocabulary: model.shape.vocabulary).tokens
        for type in CacheType.allCases {
            func logits() throws -> [Float] {
                let decoder = Decoder(model: model, adapters: [], contextLength: 600, cacheType: type)
                for piece in [0..<200, 200..<203, 203..<530, 530..<599] { _ = try decoder.evaluate(Array(ids[piece])) }
                return try decoder.evaluate([ids[599]]).values
            }
            let fast = try logits()
            let portable = try Kernels.at(.portable) { try logits() }
            let apart = zip(fast, portable).map { abs($0 - $1) }.max() ?? 0
            #expect(apart < 2e-3 * (portable.map(abs).max() ?? 1), "\(type)")
        }
    }

    /// Mean and largest KL(f32 ‖ type) over every eighth position of a text, nats a token.
    private func divergence(_ type: CacheType, _ ids: [Int32]) throws -> (mean: Double, largest: Double) {
        let model = try ModelFixtures.base.get()
        func logits(_ type: CacheType) throws -> Matrix<Float> {
            let decoder = Decoder(model: model, adapters: [], contextLength: ids.count, cacheType: type)
            return try decoder.evaluateAll(ids)
        }
        let (exact, rounded) = (try logits(.f32), try logits(type))
        let divergences = stride(from: 3, to: ids.count, by: 8).map {
            Divergence.of(exact.rows($0..<$0 + 1), rounded.rows($0..<$0 + 1))
        }
        return (divergences.reduce(0, +) / Double(divergences.count), divergences.max() ?? 0)
    }

    @Test func roundedKeysAndValuesChangeLittleOfTheRealModel() throws {
        let model = try ModelFixtures.base.get()
        let ids = model.tokenizer.encode(Self.text, special: .refused, addBOS: false)
        #expect(ids.count > 100)
        // Measured: f16 3.2e-7 in the mean and 1.1e-6 at most, q8_0 3.3e-4 and 8.3e-4.
        let half = try divergence(.f16, ids)
        let quantised = try divergence(.q8_0, ids)
        #expect(half.mean < 2e-6)
        #expect(half.largest < 1e-5)
        #expect(quantised.mean < 1e-3)
        #expect(quantised.largest < 5e-3)
    }

    static let text = """
        The harbour had been quiet since the ferries stopped running in October. Mara kept the ledger anyway: every \
        boat that came in, its cargo, its crew, the weather of that morning, and whatever the captain cared to tell. \
        Most of them told her little. On the ninth of November a trawler with no name arrived at dawn, carrying eleven \
        crates of lenses packed in straw and a letter addressed to the lighthouse keeper, who had died in the spring. \
        She wrote it all down. Then she opened the letter, read it twice, and went to look for her brother.
        """
}
