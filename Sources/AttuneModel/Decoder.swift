// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Evaluates tokens one after another, remembering keys and values of those before them.
///
/// Adapters stay unmerged: any number act at once, each with its scale, and changing them touches no weight.
/// One decoder serves one thread at a time.
package final class Decoder {
    /// Rows that are evaluated at once; longer inputs are cut into chunks.
    static let chunk = 512

    package let model: BaseModel
    /// The most tokens that the cache can hold.
    package let contextLength: Int
    /// What the cache holds.
    package private(set) var tokens: [Int32] = []
    private let precision: DecodingPrecision
    private let table: RotaryTable<Float>
    private var cache: KVCache
    private var blocks: [DecoderBlock]
    private var scratch: DecoderScratch
    /// The residual stream after the last token, 1 × D.
    private var last: Matrix<Float>
    /// As many rows as were asked for at once.
    private var logits: Matrix<Float>

    /// - Parameters:
    ///   - adapters: act together on the base; those with scale 0 not at all.
    ///   - contextLength: the most tokens of prompt and answer together; beyond what the model was made for,
    ///     answers decay.
    ///   - precision: how products with the weights are computed; `int8` copies them the first time that it is asked for.
    ///   - cacheType: how keys and values are kept.
    /// - Precondition: the adapters were made for the shape of `model`; `contextLength` is positive; `cacheType` fits
    ///   the model.
    package init(
        model: BaseModel, adapters: [AppliedAdapter], contextLength: Int,
        precision: DecodingPrecision = .float32, cacheType: CacheType = .f32
    ) {
        precondition(contextLength > 0, "context of \(contextLength) tokens")
        self.model = model
        self.contextLength = contextLength
        self.precision = precision
        table = RotaryTable(configuration: model.configuration, positions: contextLength)
        cache = KVCache(configuration: model.configuration, limit: contextLength, type: cacheType)
        blocks = (0..<model.shape.layers).map { DecoderBlock(model: model, layer: $0, precision: precision) }
        scratch = DecoderScratch(shape: model.shape, rows: min(Self.chunk, contextLength))
        last = scratch.stream.prefix(1)
        logits = Matrix(rows: 1, columns: model.shape.vocabulary)
        setAdapters(adapters)
    }

    /// Replaces the adapters and forgets all tokens, whose keys and values depended on them.
    ///
    /// - Precondition: they were made for the shape of the base.
    package func setAdapters(_ adapters: [AppliedAdapter]) {
        precondition(adapters.allSatisfy { $0.adapter.layout.fits(model.shape) }, "an adapter belongs to another base")
        for index in blocks.indices { blocks[index].use(adapters) }
        scratch.reserve(rank: adapters.flatMap(\.adapter.layout.entries).map(\.rank).max() ?? 0)
        tokens.removeAll(keepingCapacity: true)
    }

    /// Forgets all tokens from position `count` on.
    package func truncate(to count: Int) {
        guard count < tokens.count else { return }
        tokens.removeLast(tokens.count - max(0, count))
    }

    /// Appends `ids` and returns the logits after the last one, 1 × V, valid until the next call.
    ///
    /// - Throws: `ModelError` `E-DECODE-001` when they do not fit, `E-DECODE-002` for an id outside of the vocabulary,
    ///   `E-DECODE-003` when there are none; the cache is then as it was. `E-GGUF-009` when the base changed in use; the
    ///   cache is then empty.
    package func evaluate(_ ids: [Int32]) throws -> Matrix<Float> {
        try check(ids)
        try append(ids, lastOnly: true, isCancelled: { false })
        return try lastLogits()
    }

    /// Appends `ids` and returns the logits after every one of them, n × V, valid until the next call.
    ///
    /// - Throws: as `evaluate`.
    package func evaluateAll(_ ids: [Int32]) throws -> Matrix<Float> {
        try check(ids)
        if ids.count > logits.rows { logits = Matrix(rows: ids.count, columns: model.shape.vocabulary) }
        let result = logits.prefix(ids.count)
        var done = 0
        try append(ids, lastOnly: false, isCancelled: { false }) { stream in
            project(stream, into: result.rows(done..<done + stream.rows))
            done += stream.rows
        }
        try requireIntact()
        return result
    }

    /// How many tokens of `prompt` need no evaluation: the longest common prefix, but never the last token.
    package func reusable(of prompt: [Int32]) -> Int {
        min(zip(tokens, prompt).prefix { $0 == $1 }.count, max(0, prompt.count - 1))
    }

    /// Makes the cache hold exactly `prompt`, evaluating only what it does not yet begin with, and returns the logits
    /// after its last token, 1 × V, valid until the next call.
    ///
    /// - Throws: as `evaluate`; `CancellationError` once `isCancelled`, which is asked before each chunk, says so.
    package func prefill(prompt: [Int32], isCancelled: () -> Bool = { false }) throws -> Matrix<Float> {
        try check(prompt, after: 0)
        let reused = reusable(of: prompt)
        truncate(to: reused)
        let rest = Array(prompt[reused...])
        try append(rest, lastOnly: true, isCancelled: isCancelled)
        return try lastLogits()
    }

    private func check(_ ids: [Int32], after held: Int? = nil) throws {
        let held = held ?? tokens.count
        guard !ids.isEmpty else { throw ModelError.nothingToEvaluate }
        guard ids.count <= contextLength - held else {
            throw ModelError.contextExceeded(needed: held + ids.count, limit: contextLength)
        }
        if let id = ids.first(where: { $0 < 0 || $0 >= model.shape.vocabulary }) {
            throw ModelError.tokenOutsideVocabulary(id, vocabulary: model.shape.vocabulary)
        }
    }

    /// Bytes of the keys and values that a decoder keeps once `positions` of its `contextLength` are taken at once, and
    /// of its table of rotations.
    package static func bytes(
        of model: BaseModel, cacheType: CacheType, positions: Int, contextLength: Int
    ) -> Int {
        KVCache.bytes(cacheType, shape: model.shape, positions: positions, limit: contextLength)
            + contextLength * model.configuration.ropeDimension * MemoryLayout<Float>.stride
    }

    /// Runs the blocks over `ids` in chunks; `each` sees the residual stream of every chunk. Where
    /// `lastOnly`, only the last row of a chunk leaves the last block.
    private func append(
        _ ids: [Int32], lastOnly: Bool, isCancelled: () -> Bool, each: (Matrix<Float>) -> Void = { _ in }
    ) throws {
        cache.reserve(tokens.count + ids.count, keeping: tokens.count)
        var start = 0
        while start < ids.count {
            guard !isCancelled() else { throw CancellationError() }
            let part = Array(ids[start..<min(ids.count, start + Self.chunk)])
            let first = tokens.count
            let stream = scratch.stream.prefix(part.count)
            let positions = (0..<part.count).map { Int32(first + $0) }
            gatherRows(model.tokenEmbedding, part, into: stream)
            model.residency.releaseEmbedding()
            for (layer, block) in blocks.enumerated() {
                if block.readsFile { model.residency.use(layer, .cycle) }
                block.forward(
                    stream, first: first, positions: positions,
                    rows: lastOnly && layer == blocks.count - 1 ? 1 : part.count, cache: cache, scratch: scratch,
                    table: table)
            }
            last = stream.rows(part.count - 1..<part.count)
            tokens += part
            start += part.count
            each(stream)
        }
    }

    /// Logits after the last of the tokens that were just appended.
    private func lastLogits() throws -> Matrix<Float> {
        project(last, into: logits.prefix(1))
        try requireIntact()
        return logits.prefix(1)
    }

    /// Keys and values computed from a base that changed in use are not kept.
    private func requireIntact() throws {
        do { try model.requireIntact() } catch {
            truncate(to: 0)
            throw error
        }
    }

    /// logits = norm(x)·Eᵀ: x [n, D], E [V, D].
    private func project(_ x: Matrix<Float>, into logits: Matrix<Float>) {
        let normalized = scratch.normalized.prefix(x.rows)
        rmsNorm(
            x, weight: model.finalNorm, epsilon: model.configuration.normEpsilon, into: normalized,
            inverseRoot: scratch.root.prefix(x.rows))
        if precision == .int8, let head = model.repacked.head {
            multiplyInt8(normalized, by: [head], into: [logits])
        } else {
            model.residency.use(model.residency.head, .cycle)
            multiply(normalized, by: model.head, into: logits, precision: precision.wide)
        }
    }
}
