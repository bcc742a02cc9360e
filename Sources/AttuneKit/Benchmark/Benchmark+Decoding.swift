// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTraining

extension Benchmark {
    /// Tokens that stand in the cache before decoding is measured.
    package static let promptTokens = 16

    /// Tokens per second of one prompt of `tokens` tokens, from an empty cache to the logits after its last token.
    ///
    /// - Throws: `ModelError` where the tokens cannot be evaluated, `KitError` where they do not fit into memory.
    package func prefill(tokens: Int) throws -> BenchmarkReport {
        let ids = prompt(tokens)
        let precision = try fastestPrecision(tokens + 1, cacheType)
        let decoder = Decoder(
            model: model, adapters: [], contextLength: tokens + 1, precision: precision, cacheType: cacheType)
        let numbers = Self.numbers(precision)
        var share = ShareOfPeak(numbers)
        for round in 0...rounds {
            decoder.truncate(to: 0)
            let seconds = try Self.seconds { _ = try decoder.evaluate(ids) }
            if round > 0 { share.note(rate: Double(tokens) / seconds) }
        }
        var report = BenchmarkReport(work: "prefill", rounds: share.rounds, precision: precision.rawValue)
        let linear = 2 * Double(linearWeights)
        let head = 2 * Double(headWeights) / Double(tokens)
        report.flopsPerToken = linear
        report.headFlopsPerToken = head
        report.peakNumbers = "\(numbers)"
        report.peakGflops = share.peakGflops
        report.shareOfPeak = share.share(operations: linear + head)
        report.shareOfPeakLinears = share.share(operations: linear)
        return report
    }

    /// Tokens per second, one after another, after a prompt of `promptTokens`; the tokens are given, not drawn.
    ///
    /// - Parameter adapterRank: with 1 or more, measures with a random adapter of all linear layers, and without it in
    ///   turn.
    /// - Throws: as `prefill`.
    package func decode(tokens: Int, adapterRank: Int = 0) throws -> BenchmarkReport {
        let count = Self.promptTokens + tokens
        let ids = prompt(count)
        let adapters = adapterRank > 0 ? [AppliedAdapter(randomAdapter(rank: adapterRank, seed: 1))] : []
        let precision = try fastestPrecision(count + 1, cacheType)
        let decoder = Decoder(
            model: model, adapters: adapters, contextLength: ids.count + 1, precision: precision, cacheType: cacheType)
        func rate() throws -> Double {
            decoder.truncate(to: 0)
            _ = try decoder.evaluate(Array(ids.prefix(Self.promptTokens)))
            let seconds = try Self.seconds {
                for id in ids.dropFirst(Self.promptTokens) { _ = try decoder.evaluate([id]) }
            }
            return Double(tokens) / seconds
        }
        _ = try rate()
        // All memory of decoding is taken by now; that of the comparison comes after it.
        let peak = MemoryLimits.peak()
        let memory = ReadingRate()
        var rates: [Double] = []
        var bare: [Double] = []
        var reads: [Double] = []
        for _ in 0..<rounds {
            let before = memory.bytesPerSecond()
            rates.append(try rate())
            reads.append((before + memory.bytesPerSecond()) / 2)
            guard adapterRank > 0 else { continue }
            decoder.setAdapters([])
            bare.append(try rate())
            decoder.setAdapters(adapters)
        }
        var report = BenchmarkReport(work: "decode", rounds: rates, precision: precision.rawValue, peak: peak)
        report.bytesPerToken = weightBytes
        report.readGigabytesPerSecond = reads.median / 1e9
        report.shareOfReadRate = zip(rates, reads).map { $0 * Double(weightBytes) / $1 }.median
        if adapterRank > 0 {
            report.adapter = BenchmarkReport.AdapterCost(
                rank: adapterRank, tokensPerSecondWithout: bare.median, ratio: zip(rates, bare).map { $0 / $1 }.median)
        }
        return report
    }

    /// As for any answer within `context` tokens.
    ///
    /// - Throws: `KitError` where they do not fit into memory.
    func fastestPrecision(_ context: Int, _ cacheType: CacheType) throws -> DecodingPrecision {
        try DecodingPlan(
            model: model, tokens: context, context: context, cacheType: cacheType, limits: .current()
        ).precision
    }

    /// The same tokens for everyone who measures, spread over the vocabulary.
    func prompt(_ count: Int) -> [Int32] {
        let vocabulary = model.shape.vocabulary
        return (0..<count).map { Int32($0 * 7919 % min(49_000, vocabulary)) }
    }

    /// An adapter of all linear layers with numbers in both factors, small enough to leave the model's scale as it is.
    func randomAdapter(rank: Int, seed: UInt64) -> Adapter {
        let adapter = Adapter.initialized(
            base: identity,
            configuration: LoRAConfiguration(
                rank: rank, alpha: Float(2 * rank), layers: Array(0..<model.shape.layers)),
            seed: seed)
        for (index, entry) in adapter.layout.entries.enumerated() {
            let stream = RandomStream(seed: seed, path: 2, UInt64(index))
            let b = adapter.parameters.b(entry).buffer
            for position in b.indices { b[position] = 0.001 * Float(stream.normal(at: UInt64(position))) }
        }
        return adapter
    }
}
