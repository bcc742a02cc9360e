// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor

/// Evaluates tokens one after another, remembering keys and values of those before them: a batch of one sequence.
///
/// Adapters stay unmerged: any number act at once, each with its scale, and changing them touches no weight.
/// One decoder serves one thread at a time.
package final class Decoder {
    private let batch: BatchDecoder
    private let sequence: Int

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
        batch = BatchDecoder(
            model: model, contextLength: contextLength, precision: precision, cacheType: cacheType,
            rows: min(DecoderStack.chunk, contextLength))
        sequence = batch.add(adapters: adapters)
    }

    package var model: BaseModel { batch.model }
    /// The most tokens that the cache can hold.
    package var contextLength: Int { batch.contextLength }
    /// What the cache holds.
    package var tokens: [Int32] { batch.tokens(of: sequence) }

    /// Whether the logits of a token are the same bytes, evaluated alone or with a few others. OpenBLAS takes another way
    /// for one row than for several.
    var rowsStandAlone: Bool { Kernels.level != "\(Kernels.Level.openblas)" }

    /// Replaces the adapters and forgets all tokens, whose keys and values depended on them.
    ///
    /// - Precondition: they were made for the shape of the base.
    package func setAdapters(_ adapters: [AppliedAdapter]) { batch.setAdapters(adapters, of: sequence) }

    /// Forgets all tokens from position `count` on.
    package func truncate(to count: Int) { batch.truncate(sequence, to: count) }

    /// Appends `ids` and returns the logits after the last one, 1 × V, valid until the next call.
    ///
    /// - Throws: `ModelError` `E-DECODE-001` if they do not fit, `E-DECODE-002` for an id outside of the vocabulary,
    ///   `E-DECODE-003` if there are none; the cache is then as it was. `E-GGUF-009` if the base changed in use; the
    ///   cache is then empty.
    package func evaluate(_ ids: [Int32]) throws -> Matrix<Float> {
        try batch.evaluate([BatchDecoder.Input(sequence: sequence, ids: ids)])
    }

    /// Appends `ids` and returns the logits after every one of them, n × V, valid until the next call.
    ///
    /// - Throws: as `evaluate`.
    package func evaluateAll(_ ids: [Int32]) throws -> Matrix<Float> { try batch.evaluateAll(ids, of: sequence) }

    /// How many tokens of `prompt` need no evaluation: the longest common prefix, but never the last token.
    package func reusable(of prompt: [Int32]) -> Int { batch.reusable(of: prompt, in: sequence) }

    /// Makes the cache hold exactly `prompt`, evaluating only what it does not yet begin with, and returns the logits
    /// after its last token, 1 × V, valid until the next call.
    ///
    /// - Throws: as `evaluate`; `CancellationError` once `isCancelled`, which is asked before each chunk, says so.
    package func prefill(prompt: [Int32], isCancelled: () -> Bool = { false }) throws -> Matrix<Float> {
        try batch.prefill(prompt, of: sequence, isCancelled: isCancelled)
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
}
