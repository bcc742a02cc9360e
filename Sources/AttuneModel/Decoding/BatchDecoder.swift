// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor

/// Evaluates tokens of several sequences together: one pass over the base's weights serves all of them.
///
/// Each sequence has its own keys, values and position, and its own adapters or none. One decoder serves one thread at
/// a time.
package final class BatchDecoder {
    /// New tokens of one sequence.
    package struct Input: Sendable {
        package let sequence: Int
        package let ids: [Int32]

        package init(sequence: Int, ids: [Int32]) {
            self.sequence = sequence
            self.ids = ids
        }
    }

    package let model: BaseModel
    /// The most tokens of each sequence.
    package let contextLength: Int
    private let cacheType: CacheType
    private let stack: DecoderStack
    private var sequences: [Int: DecoderSequence] = [:]
    private var nextSequence = 0
    /// Residual stream of the last tokens, n × D.
    private var last: Matrix<Float>
    /// As many rows as were asked for at once.
    private var logits: Matrix<Float>

    /// - Parameters:
    ///   - contextLength: the most tokens of each sequence.
    ///   - precision: how products with the weights are computed; `int8` copies them the first time that it is asked for.
    ///   - cacheType: how keys and values are kept.
    ///   - rows: the most rows that a pass will have, 1...`DecoderStack.chunk`.
    /// - Precondition: `contextLength` is positive; `cacheType` fits the model.
    package init(
        model: BaseModel, contextLength: Int, precision: DecodingPrecision = .float32, cacheType: CacheType = .f32,
        rows: Int? = nil
    ) {
        precondition(contextLength > 0, "context of \(contextLength) tokens")
        self.model = model
        self.contextLength = contextLength
        self.cacheType = cacheType
        stack = DecoderStack(
            model: model, contextLength: contextLength, rows: rows ?? DecoderStack.chunk, precision: precision)
        last = Matrix(rows: 0, columns: model.shape.width)
        logits = Matrix(rows: 0, columns: model.shape.vocabulary)
    }

    /// Begins a sequence and returns its number.
    ///
    /// - Precondition: the adapters were made for the shape of the model.
    package func add(adapters: [AppliedAdapter] = []) -> Int {
        defer { nextSequence += 1 }
        sequences[nextSequence] = DecoderSequence(
            adapters: prepared(adapters),
            cache: KVCache(configuration: model.configuration, limit: contextLength, type: cacheType))
        return nextSequence
    }

    /// Ends a sequence and frees its keys and values.
    package func remove(_ sequence: Int) { sequences[sequence] = nil }

    /// Replaces the adapters of a sequence and forgets its tokens, whose keys and values depended on them.
    ///
    /// - Precondition: the adapters were made for the shape of the model; there is such a sequence.
    package func setAdapters(_ adapters: [AppliedAdapter], of sequence: Int) {
        let prepared = prepared(adapters)
        sequences[sequence]?.adapters = prepared
        truncate(sequence, to: 0)
    }

    /// The tokens that a sequence holds.
    ///
    /// - Precondition: there is such a sequence.
    package func tokens(of sequence: Int) -> [Int32] { held(sequence).tokens }

    /// Forgets all tokens of a sequence from position `count` on.
    package func truncate(_ sequence: Int, to count: Int) { sequences[sequence]?.truncate(to: count) }

    /// Appends tokens to sequences and returns the logits after the last token of each input, n × V in the order of the
    /// inputs, valid until the next call.
    ///
    /// - Throws: `ModelError` `E-DECODE-001` if tokens do not fit, `E-DECODE-002` for an id outside of the vocabulary,
    ///   `E-DECODE-003` if an input has none; all sequences are then as they were. `E-GGUF-009` if the base changed
    ///   in use; the sequences are then empty.
    /// - Precondition: there are such sequences, each at most once.
    package func evaluate(_ inputs: [Input]) throws -> Matrix<Float> {
        for input in inputs { try held(input.sequence).check(input.ids, model: model) }
        return try evaluate(inputs, isCancelled: { false })
    }

    /// Appends tokens to a sequence and returns the logits after every one of them, n × V, valid until the next call.
    ///
    /// - Throws: as `evaluate`.
    package func evaluateAll(_ ids: [Int32], of sequence: Int) throws -> Matrix<Float> {
        try held(sequence).check(ids, model: model)
        let result = logits(rows: ids.count)
        for start in stride(from: 0, to: ids.count, by: DecoderStack.chunk) {
            let part = ids[start..<min(start + DecoderStack.chunk, ids.count)]
            guard let span = sequences[sequence]?.append(part) else { continue }
            stack.project(
                stack.forward(Array(part), of: [span], lastOnly: false),
                into: result.rows(part.startIndex..<part.endIndex))
        }
        try requireIntact()
        return result
    }

    /// How many tokens of `prompt` need no evaluation: the longest common prefix, but never the last token.
    package func reusable(of prompt: [Int32], in sequence: Int) -> Int {
        min(zip(held(sequence).tokens, prompt).prefix { $0 == $1 }.count, max(0, prompt.count - 1))
    }

    /// Makes a sequence hold exactly `prompt`, evaluating only what it does not yet begin with, and returns the logits
    /// after its last token, 1 × V, valid until the next call.
    ///
    /// - Throws: as `evaluate`; `CancellationError` once `isCancelled`, which is asked before each chunk, says so.
    package func prefill(
        _ prompt: [Int32], of sequence: Int, isCancelled: () -> Bool = { false }
    ) throws -> Matrix<Float> {
        try held(sequence).check(prompt, after: 0, model: model)
        let reused = reusable(of: prompt, in: sequence)
        truncate(sequence, to: reused)
        return try evaluate([Input(sequence: sequence, ids: Array(prompt[reused...]))], isCancelled: isCancelled)
    }

    /// Evaluates inputs that were checked.
    private func evaluate(_ inputs: [Input], isCancelled: () -> Bool) throws -> Matrix<Float> {
        precondition(Set(inputs.map(\.sequence)).count == inputs.count, "a sequence twice")
        if inputs.count > last.rows { last = Matrix(rows: inputs.count, columns: last.columns) }
        var waiting = neighbours(inputs).map { (input: $0, ids: inputs[$0].ids[...]) }
        while !waiting.isEmpty {
            guard !isCancelled() else { throw CancellationError() }
            var parts: [(input: Int, ids: ArraySlice<Int32>)] = []
            var room = DecoderStack.chunk
            while room > 0, let next = waiting.first {
                parts.append((next.input, next.ids.prefix(room)))
                room -= parts[parts.count - 1].ids.count
                waiting[0].ids = next.ids.dropFirst(parts[parts.count - 1].ids.count)
                if waiting[0].ids.isEmpty { waiting.removeFirst() }
            }
            run(parts, of: inputs)
        }
        let result = logits(rows: inputs.count)
        stack.project(last.prefix(inputs.count), into: result)
        try requireIntact()
        return result
    }

    /// Sequences of the same adapters share what is prepared of them.
    private func prepared(_ adapters: [AppliedAdapter]) -> PreparedAdapters {
        sequences.values.first { $0.adapters.areSame(as: adapters) }?.adapters ?? stack.prepare(adapters)
    }

    private func logits(rows: Int) -> Matrix<Float> {
        if rows > logits.rows { logits = Matrix(rows: rows, columns: logits.columns) }
        return logits.prefix(rows)
    }

    /// Keys and values computed from a base that changed in use are not kept.
    private func requireIntact() throws {
        do { try model.requireIntact() } catch {
            for sequence in sequences.keys { truncate(sequence, to: 0) }
            throw error
        }
    }

    /// The inputs in an order in which sequences of the same adapters lie side by side, so that one product serves them.
    private func neighbours(_ inputs: [Input]) -> [Int] {
        guard inputs.count > 1 else { return Array(inputs.indices) }
        var groups: [ObjectIdentifier: Int] = [:]
        let keys = inputs.map { input in
            let adapters = ObjectIdentifier(held(input.sequence).adapters)
            return groups[adapters]
                ?? {
                    groups[adapters] = groups.count
                    return groups.count - 1
                }()
        }
        return inputs.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
    }

    /// One pass; the stream of each part's last row goes to `last`.
    private func run(_ parts: [(input: Int, ids: ArraySlice<Int32>)], of inputs: [Input]) {
        let spans = parts.compactMap { sequences[inputs[$0.input].sequence]?.append($0.ids) }
        let stream = stack.forward(parts.flatMap(\.ids), of: spans, lastOnly: true)
        for (row, part) in parts.enumerated() {
            last.rows(part.input..<part.input + 1).copy(from: stream.rows(row..<row + 1))
        }
    }

    private func held(_ sequence: Int) -> DecoderSequence {
        guard let held = sequences[sequence] else { preconditionFailure("no sequence \(sequence)") }
        return held
    }
}
