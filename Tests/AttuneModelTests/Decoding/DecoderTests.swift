// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Testing

@testable import AttuneModel

@Suite struct DecoderTests {
    private let ids: [Int32] = [5, 17, 9, 200, 33, 41, 8, 77, 150, 3]

    /// Logits of every position from a training pass, n × V.
    private func full(_ model: BaseModel, _ ids: [Int32], _ adapter: Adapter? = nil) -> Matrix<Float> {
        let pass = TrainingPass<Float>(
            model: model, layouts: [adapter?.layout ?? LoRALayout(shape: model.shape, sites: [])],
            settings: PassSettings(maxTokens: ids.count, precision: .float32))
        let batch = PackedTokens(tokens: ids, segments: [0..<ids.count])
        let hidden = pass.forward(batch, parameters: adapter?.parameters)
        let logits = Matrix<Float>(rows: ids.count, columns: model.shape.vocabulary)
        multiply(hidden, by: model.head, into: logits, precision: .float32)
        return logits
    }

    @Test(arguments: [true, false]) func tokenByTokenEqualsTheWholePass(_ tied: Bool) throws {
        let model = try ModelFixtures.tiny(tied: tied, biases: !tied)
        let adapter = try ModelFixtures.adapter(model)
        let expected = full(model, ids, adapter)
        let decoder = Decoder(model: model, adapters: [AppliedAdapter(adapter)], contextLength: 32)
        for (row, id) in ids.enumerated() {
            let logits = try decoder.evaluate([id])
            #expect(ModelFixtures.difference(logits, expected.rows(row..<row + 1)) < 1e-4)
        }
        #expect(decoder.tokens == ids)
        decoder.truncate(to: 0)
        #expect(try ModelFixtures.difference(decoder.evaluateAll(ids), expected) < 1e-4)
        decoder.truncate(to: 4)
        let rest = try decoder.evaluateAll(Array(ids[4...]))
        #expect(ModelFixtures.difference(rest, expected.rows(4..<ids.count)) < 1e-4)
    }

    @Test func promptsLongerThanAChunkEqualTheWholePass() throws {
        let model = try ModelFixtures.tiny()
        let long = ModelFixtures.batch([DecoderStack.chunk * 2 + 5], vocabulary: model.shape.vocabulary).tokens
        let expected = full(model, long)
        let decoder = Decoder(model: model, adapters: [], contextLength: long.count)
        let all = try decoder.evaluateAll(long)
        #expect(ModelFixtures.difference(all, expected) < 1e-4)
        decoder.truncate(to: 0)
        let last = try decoder.evaluate(long)
        #expect(ModelFixtures.difference(last, expected.rows(long.count - 1..<long.count)) < 1e-4)
    }

    @Test func aReusedPrefixGivesTheLogitsOfAFreshDecoder() throws {
        let model = try ModelFixtures.tiny()
        let decoder = Decoder(model: model, adapters: [], contextLength: 64)
        _ = try decoder.prefill(prompt: [5, 17, 9, 4, 4, 4, 4])
        #expect(decoder.reusable(of: ids) == 3)
        let reused = try decoder.prefill(prompt: ids).values
        #expect(decoder.tokens == ids)
        let fresh = try Decoder(model: model, adapters: [], contextLength: 64).evaluate(ids).values
        let wide = Matrix(rows: 1, columns: fresh.count, fresh)
        #expect(ModelFixtures.difference(Matrix(rows: 1, columns: reused.count, reused), wide) < 1e-5)
        // The same prompt again: only its last token is evaluated.
        #expect(decoder.reusable(of: ids) == ids.count - 1)
        let again = try decoder.prefill(prompt: ids)
        #expect(ModelFixtures.difference(again, wide) < 1e-5)
        // A shorter prompt that the cache begins with.
        let short = try decoder.prefill(prompt: Array(ids[..<4])).values
        #expect(decoder.tokens == Array(ids[..<4]))
        let expected = full(model, Array(ids[..<4]))
        #expect(ModelFixtures.difference(Matrix(rows: 1, columns: short.count, short), expected.rows(3..<4)) < 1e-4)
    }

    @Test func scaleZeroIsTheBaseAndScalesAddUp() throws {
        let model = try ModelFixtures.tiny()
        let adapter = try ModelFixtures.adapter(model)
        let other = try ModelFixtures.adapter(model, seed: 6, rank: 5)
        func logits(_ adapters: [AppliedAdapter]) throws -> Matrix<Float> {
            try Decoder(model: model, adapters: adapters, contextLength: 16).evaluate(ids)
        }
        let base = try logits([])
        #expect(try logits([AppliedAdapter(adapter, scale: 0)]).values == base.values)
        let full = try logits([AppliedAdapter(adapter)])
        #expect(ModelFixtures.difference(full, base) > 1e-2)
        let halves = try logits([AppliedAdapter(adapter, scale: 0.5), AppliedAdapter(adapter, scale: 0.5)])
        #expect(ModelFixtures.difference(halves, full) < 1e-4)
        let two = try logits([AppliedAdapter(adapter), AppliedAdapter(other)])
        let swapped = try logits([AppliedAdapter(other), AppliedAdapter(adapter)])
        #expect(ModelFixtures.difference(two, swapped) < 1e-4)
        #expect(ModelFixtures.difference(two, full) > 1e-2)
    }

    @Test func changingAdaptersForgetsTheTokens() throws {
        let model = try ModelFixtures.tiny()
        let adapter = try ModelFixtures.adapter(model)
        let decoder = Decoder(model: model, adapters: [], contextLength: 16)
        let base = try decoder.evaluate(ids).values
        decoder.setAdapters([AppliedAdapter(adapter)])
        #expect(decoder.tokens.isEmpty)
        #expect(try decoder.evaluate(ids).values != base)
        decoder.setAdapters([])
        #expect(try decoder.evaluate(ids).values == base)
    }

    @Test func whatDoesNotFitIsAnErrorThatLeavesTheCacheAlone() throws {
        let model = try ModelFixtures.tiny()
        let decoder = Decoder(model: model, adapters: [], contextLength: 12)
        _ = try decoder.evaluate(ids)
        func code(_ body: () throws -> Void) -> String? {
            do { try body() } catch { return (error as? ModelError)?.code }
            return nil
        }
        #expect(code { _ = try decoder.evaluate([1, 2, 3]) } == "E-DECODE-001")
        #expect(code { _ = try decoder.evaluateAll([1, 2, 3]) } == "E-DECODE-001")
        #expect(code { _ = try decoder.prefill(prompt: Array(repeating: 1, count: 13)) } == "E-DECODE-001")
        #expect(code { _ = try decoder.evaluate([Int32(model.shape.vocabulary)]) } == "E-DECODE-002")
        #expect(code { _ = try decoder.evaluate([-1]) } == "E-DECODE-002")
        #expect(code { _ = try decoder.prefill(prompt: []) } == "E-DECODE-003")
        #expect(decoder.tokens == ids)
        #expect(code { _ = try decoder.evaluate([1, 2]) } == nil)
    }
}
