// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Evaluates tokens one after another, remembering keys and values of those before them.
///
/// Adapters stay unmerged: any number act at once, each with its scale, and changing them touches no weight.
/// One decoder serves one thread at a time.
package final class Decoder {
    package let model: BaseModel
    /// The most tokens that the cache can hold.
    package let contextLength: Int
    private let stack: DecoderStack
    private var sequence: DecoderSequence
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
        model: BaseModel, adapters: [AppliedAdapter], contextLength: Int, precision: DecodingPrecision = .float32,
        cacheType: CacheType = .f32
    ) {
        precondition(contextLength > 0, "context of \(contextLength) tokens")
        self.model = model
        self.contextLength = contextLength
        stack = DecoderStack(
            model: model, contextLength: contextLength, rows: min(DecoderStack.chunk, contextLength),
            precision: precision)
        sequence = DecoderSequence(
            adapters: stack.prepare(adapters),
            cache: KVCache(configuration: model.configuration, limit: contextLength, type: cacheType))
        logits = Matrix(rows: 1, columns: model.shape.vocabulary)
    }

    /// Whether the logits of a token are the same bytes, evaluated alone or with a few others. OpenBLAS takes another way
    /// for one row than for several.
    var rowsStandAlone: Bool { Kernels.level != "\(Kernels.Level.openblas)" }

    /// What the cache holds.
    package var tokens: [Int32] { sequence.tokens }

    /// Replaces the adapters and forgets all tokens, whose keys and values depended on them.
    ///
    /// - Precondition: they were made for the shape of the base.
    package func setAdapters(_ adapters: [AppliedAdapter]) {
        sequence.adapters = stack.prepare(adapters)
        sequence.truncate(to: 0)
    }

    /// Forgets all tokens from position `count` on.
    package func truncate(to count: Int) { sequence.truncate(to: count) }

    /// Appends `ids` and returns the logits after the last one, 1 × V, valid until the next call.
    ///
    /// - Throws: `ModelError` `E-DECODE-001` when they do not fit, `E-DECODE-002` for an id outside of the vocabulary,
    ///   `E-DECODE-003` when there are none; the cache is then as it was. `E-GGUF-009` when the base changed in use; the
    ///   cache is then empty.
    package func evaluate(_ ids: [Int32]) throws -> Matrix<Float> {
        try sequence.check(ids, model: model)
        return try lastLogits(append(ids, isCancelled: { false }))
    }

    /// Appends `ids` and returns the logits after every one of them, n × V, valid until the next call.
    ///
    /// - Throws: as `evaluate`.
    package func evaluateAll(_ ids: [Int32]) throws -> Matrix<Float> {
        try sequence.check(ids, model: model)
        if ids.count > logits.rows { logits = Matrix(rows: ids.count, columns: model.shape.vocabulary) }
        let result = logits.prefix(ids.count)
        var done = 0
        _ = try append(ids, isCancelled: { false }) { [stack] stream in
            stack.project(stream, into: result.rows(done..<done + stream.rows))
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
        try sequence.check(prompt, after: 0, model: model)
        let reused = reusable(of: prompt)
        truncate(to: reused)
        return try lastLogits(append(Array(prompt[reused...]), isCancelled: isCancelled))
    }

    /// Bytes of the keys and values that a decoder keeps once `positions` of its `contextLength` are taken at once, and
    /// of its table of rotations.
    package static func bytes(
        of model: BaseModel, cacheType: CacheType, positions: Int, contextLength: Int
    ) -> Int {
        KVCache.bytes(cacheType, shape: model.shape, positions: positions, limit: contextLength)
            + contextLength * model.configuration.ropeDimension * MemoryLayout<Float>.stride
    }

    /// Bytes that a decoder works in beside keys and values: activations and their rounded copies, and the logits.
    package static func scratchBytes(of model: BaseModel, contextLength: Int) -> Int {
        let rows = min(DecoderStack.chunk, contextLength)
        let rounded = rows * max(model.shape.feedForward, model.shape.width) * 4
        return DecoderScratch.bytes(shape: model.shape, rows: rows) + rounded + 4 * model.shape.vocabulary
    }

    /// Runs the blocks over `ids` in chunks and returns the residual stream of the last token, 1 × D; `each` sees that of
    /// every chunk.
    private func append(
        _ ids: [Int32], isCancelled: () -> Bool, each: ((Matrix<Float>) -> Void)? = nil
    ) throws -> Matrix<Float> {
        var rest = ids[...]
        while true {
            guard !isCancelled() else { throw CancellationError() }
            let part = rest.prefix(DecoderStack.chunk)
            rest = rest.dropFirst(part.count)
            let stream = stack.forward(Array(part), of: [sequence.append(part)], lastOnly: each == nil)
            each?(stream)
            if rest.isEmpty { return stream.rows(stream.rows - 1..<stream.rows) }
        }
    }

    /// Logits of a row of the residual stream.
    private func lastLogits(_ stream: Matrix<Float>) throws -> Matrix<Float> {
        let result = logits.prefix(1)
        stack.project(stream, into: result)
        try requireIntact()
        return result
    }

    /// Keys and values computed from a base that changed in use are not kept.
    private func requireIntact() throws {
        do { try model.requireIntact() } catch {
            truncate(to: 0)
            throw error
        }
    }
}
