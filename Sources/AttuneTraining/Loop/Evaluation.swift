// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
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
        let evaluator = try Evaluator(
            model: model, layout: adapter.layout, blocks: blocks, batch: batch, precision: precision)
        return try (evaluator.evaluate(nil), evaluator.evaluate(adapter.parameters))
    }

    /// Measures the model alone.
    ///
    /// - Throws: `TrainingError` E-TRAIN-002 without counted tokens, E-TRAIN-007; `ModelError` E-GGUF-009.
    package static func base(
        model: BaseModel, blocks: [Block], batch: Int = 4, precision: Precision = .bfloat16
    ) throws -> Evaluation {
        let layout = LoRALayout(shape: model.shape, sites: [])
        return try Evaluator(model: model, layout: layout, blocks: blocks, batch: batch, precision: precision)
            .evaluate(nil)
    }
}

/// Evaluates one adapter layout on one set of blocks, again and again.
package struct Evaluator {
    private let model: BaseModel
    private let pass: LossPass<Float>
    private let batches: [Batch]

    /// - Throws: `TrainingError` E-TRAIN-002 without counted tokens, E-TRAIN-007.
    package init(
        model: BaseModel, layout: LoRALayout, blocks: [Block], batch: Int, precision: Precision
    ) throws(TrainingError) {
        let useful = blocks.filter { $0.targetCount > 0 }
        guard let longest = useful.map(\.tokens.count).max() else { throw .nothingToLearn }
        try useful.check(vocabulary: model.head.rows)
        let rows = max(1, batch)
        self.model = model
        pass = LossPass(
            model: model, layouts: [layout],
            settings: PassSettings(maxTokens: rows * longest, precision: precision, keptLayers: 1),
            chunk: ChunkedCrossEntropy<Float>.chunk(vocabulary: model.head.rows))
        batches = useful.map { (-1, $0) }.batches(of: rows)
    }

    /// Uses a pass that exists already, such as the trainer's; `blocks` are known to fit it, and have numbers from
    /// `number` on.
    init(model: BaseModel, pass: LossPass<Float>, blocks: [Block], number: Int, batch: Int) {
        self.model = model
        self.pass = pass
        batches = blocks.enumerated().map { (number + $0, $1) }.batches(of: batch)
    }

    package var isEmpty: Bool { batches.isEmpty }
    package var tokens: Int { batches.reduce(0) { $0 + $1.packed.count } }

    /// nil as parameters is the base alone.
    ///
    /// - Throws: `ModelError` `E-GGUF-009` where the base changed in use.
    package func evaluate(_ parameters: LoRAParameters<Float>?) throws -> Evaluation {
        try evaluate(parameters, stop: StopFlag()) ?? Evaluation(loss: .nan, tokens: 0)
    }

    /// nil where `stop` was requested before the end.
    package func evaluate(_ parameters: LoRAParameters<Float>?, stop: StopFlag) throws -> Evaluation? {
        var loss = 0.0
        var tokens = 0
        for batch in batches {
            if stop.isRequested { return nil }
            loss += pass.loss(batch, parameters: parameters)
            tokens += batch.counted.count
        }
        try model.requireIntact()
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
