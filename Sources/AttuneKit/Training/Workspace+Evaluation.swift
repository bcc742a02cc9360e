// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTokenizer
import AttuneTraining
import AttuneVault

/// Mean next-token loss of an adapter and of its base on the same blocks.
package struct Comparison: Sendable {
    package let adapter: Evaluation
    package let base: Evaluation
    package let documents: Int
    package let blocks: Int
    package let maxLength: Int
    package let packing: Packing
}

extension Workspace {
    /// Measures an adapter against its base, whose side runs without the adapter's factors.
    ///
    /// Packing and length are those the adapter was trained with, where they are known and not given.
    /// - Throws: `TrainingError` for data that cannot be used.
    package func compare(
        _ loaded: LoadedAdapter, on paths: [String], packing: Packing? = nil, maxLength: Int? = nil,
        precision: Precision = .bfloat16, skipBad: Bool = false
    ) throws -> Comparison {
        let dataset = try Dataset.load(paths: paths, options: DatasetOptions(skipBad: skipBad))
        try dataset.requireUsable()
        let model = try bases.open(try bases.find(loaded.adapter.base))
        let trained = loaded.record.run.flatMap { try? vault.run($0) }
            .flatMap { try? RunSettings(decoding: $0.configuration) }?.training
        let packing = packing ?? trained?.packing ?? .documents
        let maxLength = maxLength ?? trained?.maxLength ?? TrainingConfiguration.standardLength
        let encoder = ExampleEncoder(tokenizer: model.tokenizer, template: model.chatTemplate)
        let packer = Packer(packing: packing, maxLength: maxLength, endOfDocument: model.tokenizer.endOfDocument)
        let blocks = packer.pack(dataset.rows.map { encoder.encode($0) })
        let result = try Evaluation.compare(
            model: model, adapter: loaded.adapter, blocks: blocks, batch: 4, precision: precision)
        return Comparison(
            adapter: result.adapted, base: result.base, documents: dataset.rows.count, blocks: blocks.count,
            maxLength: maxLength, packing: packing)
    }
}
