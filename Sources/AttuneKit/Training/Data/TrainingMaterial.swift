// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneModel
import AttuneTokenizer
import AttuneTraining

/// Rows of data made into what a trainer takes: split by document, encoded, packed.
package struct TrainingMaterial: Sendable {
    package let rows: [Dataset.Row]
    package let trainingExamples: [Example]
    package let validationExamples: [Example]
    /// BLAKE2b-256 over the canonical bytes of all rows in order.
    package let digest: Digest256

    /// - Parameter validation: Share of the rows that are held out.
    package init(rows: [Dataset.Row], validation: Double, model: BaseModel) {
        self.rows = rows
        let split = Split.byDocument(rows, validation: validation)
        let encoder = ExampleEncoder(tokenizer: model.tokenizer, template: model.chatTemplate)
        trainingExamples = split.train.map { encoder.encode($0) }
        validationExamples = split.validation.map { encoder.encode($0) }
        var state = BLAKE2b.Incremental()
        for row in rows { state.update(row.row.canonicalBytes()) }
        digest = state.finish()
    }

    /// The blocks of both parts.
    package func packed(
        _ configuration: TrainingConfiguration, model: BaseModel
    ) -> (training: PackedBlocks, validation: PackedBlocks) {
        let packer = Packer(
            packing: configuration.packing, maxLength: configuration.maxLength,
            endOfDocument: model.tokenizer.endOfDocument)
        return (packer.packed(trainingExamples), packer.packed(validationExamples))
    }
}
