// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
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
    private var logits: Matrix<Float>

    /// - Parameter contextLength: the most tokens of each sequence.
    /// - Precondition: `contextLength` is positive; `cacheType` fits the model.
    package init(
        model: BaseModel, contextLength: Int, precision: DecodingPrecision = .float32, cacheType: CacheType = .f32
    ) {
        self.model = model
        self.contextLength = contextLength
        self.cacheType = cacheType
        stack = DecoderStack(
            model: model, contextLength: contextLength, rows: DecoderStack.chunk, precision: precision)
        last = Matrix(rows: 0, columns: model.shape.width)
        logits = Matrix(rows: 0, columns: model.shape.vocabulary)
    }

    /// Begins a sequence and returns its number.
    ///
    /// - Precondition: the adapters were made for the shape of the model.
    package func add(adapters: [AppliedAdapter] = []) -> Int {
        defer { nextSequence += 1 }
        // Sequences of the same adapters share what is prepared of them.
        let known = sequences.values.first { $0.adapters.areSame(as: adapters) }?.adapters
        sequences[nextSequence] = DecoderSequence(
            adapters: known ?? stack.prepare(adapters),
            cache: KVCache(configuration: model.configuration, limit: contextLength, type: cacheType))
        return nextSequence
    }

    /// Ends a sequence and frees its keys and values.
    package func remove(_ sequence: Int) { sequences[sequence] = nil }

    /// The tokens that a sequence holds.
    ///
    /// - Precondition: there is such a sequence.
    package func tokens(of sequence: Int) -> [Int32] { held(sequence).tokens }

    /// Forgets all tokens of a sequence from position `count` on.
    package func truncate(_ sequence: Int, to count: Int) { sequences[sequence]?.truncate(to: count) }

    /// Appends tokens to sequences and returns the logits after the last token of each input, n × V in the order of the
    /// inputs, valid until the next call.
    ///
    /// - Throws: `ModelError` `E-DECODE-001` when tokens do not fit, `E-DECODE-002` for an id outside of the vocabulary,
    ///   `E-DECODE-003` when an input has none; all sequences are then as they were. `E-GGUF-009` when the base changed
    ///   in use; the sequences are then empty.
    /// - Precondition: there are such sequences, each at most once.
    package func evaluate(_ inputs: [Input]) throws -> Matrix<Float> {
        precondition(Set(inputs.map(\.sequence)).count == inputs.count, "a sequence twice")
        for input in inputs { try held(input.sequence).check(input.ids, model: model) }
        if inputs.count > last.rows {
            last = Matrix(rows: inputs.count, columns: last.columns)
            logits = Matrix(rows: inputs.count, columns: logits.columns)
        }
        var waiting = neighbours(inputs).map { (input: $0, ids: inputs[$0].ids[...]) }
        while !waiting.isEmpty {
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
        do { try model.requireIntact() } catch {
            for sequence in sequences.keys { truncate(sequence, to: 0) }
            throw error
        }
        let result = logits.prefix(inputs.count)
        stack.project(last.prefix(inputs.count), into: result)
        return result
    }

    /// The inputs in an order in which sequences of the same adapters lie side by side, so that one product serves them.
    private func neighbours(_ inputs: [Input]) -> [Int] {
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
