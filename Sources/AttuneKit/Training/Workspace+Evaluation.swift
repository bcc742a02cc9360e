// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTokenizer
import AttuneTraining
import AttuneVault

/// Mean next-token loss of an adapter and of its base on the same blocks, nats per token.
package struct Comparison: Sendable, Encodable {
    package let schema = 1
    /// `notes@3`
    package let adapter: String
    /// The base's name.
    let base: String
    package let loss: Double
    package let baseLoss: Double
    package let perplexity: Double
    package let basePerplexity: Double
    package let tokens: Int
    package let documents: Int
    let rows: Int
    /// Tokens of a row.
    package let maxLen: Int
    package let packing: Packing
}

extension Workspace {
    /// Measures an adapter against its base, whose side runs without the adapter's factors.
    ///
    /// Packing and length are those the adapter was trained with, if they are known and not given.
    /// - Throws: `TrainingError` for data that cannot be used.
    package func compare(
        _ loaded: LoadedAdapter, on paths: [String], packing: Packing? = nil, maxLength: Int? = nil,
        precision: Precision = .bfloat16, skipBad: Bool = false
    ) throws -> Comparison {
        let dataset = try Dataset.load(paths: paths, options: DatasetOptions(skipBad: skipBad))
        try dataset.requireUsable()
        let model = try bases.open(try bases.find(loaded.adapter.base))
        let trained = loaded.record.run.flatMap { try? vault.runs.fetch($0) }
            .flatMap { try? RunSettings(decoding: $0.configuration) }?.training
        let packing = packing ?? trained?.packing ?? .documents
        let maxLength = maxLength ?? trained?.maxLength ?? TrainingConfiguration.standardLength
        let encoder = ExampleEncoder(tokenizer: model.tokenizer, template: model.chatTemplate)
        let packer = Packer(packing: packing, maxLength: maxLength, endOfDocument: model.tokenizer.endOfDocument)
        let packed = packer.packed(dataset.rows.map { encoder.encode($0) })
        try packed.requireRow(of: maxLength)
        let blocks = packed.blocks
        let result = try Evaluation.compare(
            model: model, adapter: loaded.adapter, blocks: blocks, batch: 4, precision: precision)
        return Comparison(
            adapter: loaded.label, base: loaded.adapter.base.name, loss: result.adapted.loss,
            baseLoss: result.base.loss, perplexity: result.adapted.perplexity,
            basePerplexity: result.base.perplexity, tokens: result.adapted.tokens, documents: dataset.rows.count,
            rows: blocks.count, maxLen: maxLength, packing: packing)
    }
}
