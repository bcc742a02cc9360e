// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import Foundation

/// Mean next-token loss over held-out blocks.
package struct Evaluation: Codable, Hashable, Sendable {
    /// Mean over the counted tokens, nats; NaN where nothing was counted.
    package let loss: Double
    /// Counted tokens.
    package let tokens: Int

    package var perplexity: Double { exp(loss) }

    /// Measures a model without any adapter and with one, on the same batches.
    ///
    /// The base side runs without the factors, not with a scale of zero.
    /// - Throws: `TrainingError` E-TRAIN-002 without counted tokens, E-TRAIN-007, E-TRAIN-008; `ModelError` E-GGUF-009.
    package static func compare(
        model: BaseModel, adapter: Adapter, blocks: [Block], batch: Int = 4, precision: Precision = .bfloat16
    ) throws -> (base: Evaluation, adapted: Evaluation) {
        guard adapter.base.shape == model.shape else { throw TrainingError.otherBase(adapter.base.name) }
        let (evaluator, pass) = try alone(model, adapter.layout, blocks, batch, precision)
        return try (evaluator.evaluate(nil, with: pass), evaluator.evaluate(adapter.parameters, with: pass))
    }

    /// Measures the model alone.
    ///
    /// - Throws: `TrainingError` E-TRAIN-002 without counted tokens, E-TRAIN-007; `ModelError` E-GGUF-009.
    package static func base(
        model: BaseModel, blocks: [Block], batch: Int = 4, precision: Precision = .bfloat16
    ) throws -> Evaluation {
        let layout = LoRALayout(shape: model.shape, sites: [])
        let (evaluator, pass) = try alone(model, layout, blocks, batch, precision)
        return try evaluator.evaluate(nil, with: pass)
    }

    /// What measures one adapter layout on its own, without a trainer.
    private static func alone(
        _ model: BaseModel, _ layout: LoRALayout, _ blocks: [Block], _ batch: Int, _ precision: Precision
    ) throws(TrainingError) -> (Evaluator, LossPass<Float>) {
        let useful = blocks.filter { $0.targetCount > 0 }
        guard let longest = useful.map(\.tokens.count).max() else { throw .nothingToLearn }
        try useful.check(vocabulary: model.head.rows)
        let rows = max(1, batch)
        let pass = LossPass<Float>(
            model: model, layouts: [layout],
            settings: PassSettings(maxTokens: rows * longest, precision: precision, keptLayers: 1),
            chunk: ChunkedCrossEntropy<Float>.chunk(vocabulary: model.head.rows))
        return (Evaluator(useful.map { (number: -1, block: $0) }, batch: rows), pass)
    }
}

/// Measures one set of blocks, again and again.
struct Evaluator {
    private let batches: [Batch]

    /// - Parameter blocks: with their numbers in the trunk cache, −1 for none.
    init(_ blocks: [(number: Int, block: Block)], batch: Int) { batches = blocks.batches(of: batch) }

    var isEmpty: Bool { batches.isEmpty }
    var tokens: Int { batches.reduce(0) { $0 + $1.packed.count } }

    /// Measures an adapter; nil as parameters is the base alone.
    ///
    /// - Throws: `ModelError` `E-GGUF-009` if the base changed in use.
    func evaluate(_ parameters: LoRAParameters<Float>?, with pass: LossPass<Float>) throws -> Evaluation {
        try evaluate(parameters, with: pass, stop: StopFlag()) ?? Evaluation(loss: .nan, tokens: 0)
    }

    /// Measures an adapter; nil if `stop` was requested before the end.
    func evaluate(
        _ parameters: LoRAParameters<Float>?, with pass: LossPass<Float>, stop: StopFlag
    ) throws -> Evaluation? {
        var loss = 0.0
        var tokens = 0
        for batch in batches {
            if stop.isRequested { return nil }
            loss += pass.loss(batch, parameters: parameters)
            tokens += batch.counted.count
        }
        try pass.model.requireIntact()
        return Evaluation(loss: loss / Double(tokens), tokens: tokens)
    }
}

extension [(number: Int, block: Block)] {
    /// Consecutive blocks laid end to end, `count` at a time.
    func batches(of count: Int) -> [Batch] {
        stride(from: 0, to: self.count, by: count).map {
            Batch(numbered: Array(self[$0..<Swift.min($0 + count, self.count)]))
        }
    }
}

extension [Block] {
    /// - Throws: `TrainingError` E-TRAIN-007 for an id outside of the vocabulary.
    func check(vocabulary: Int) throws(TrainingError) {
        for block in self {
            if let id = block.tokens.first(where: { $0 < 0 || $0 >= vocabulary }) {
                throw .token(id, vocabulary: vocabulary)
            }
        }
    }
}
