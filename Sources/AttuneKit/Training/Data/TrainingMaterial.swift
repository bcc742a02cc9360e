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
    /// Whether the end of a single document is held out.
    package let holdsStretch: Bool
    /// Of these rows, some spell how a conversation is written for a model, which is learned as plain text.
    package let renderedRows: Int
    /// What has to be known of how the conversations among the rows are written; nil if it is as the base says.
    package let templateRemark: String?
    /// BLAKE2b-256 over the canonical bytes of all rows in order.
    package let digest: Digest256

    /// - Parameters:
    ///   - validation: Share of the rows that are held out.
    ///   - holdsStretch: whether the end of a single document is held out, which runs of earlier versions did not.
    package init(rows: [Dataset.Row], validation: Double, holdsStretch: Bool, model: BaseModel) {
        self.rows = rows
        let encoder = ExampleEncoder(tokenizer: model.tokenizer, template: model.chatTemplate)
        if holdsStretch, let stretch = Split.byStretch(rows, validation: validation) {
            self.holdsStretch = true
            trainingExamples = [encoder.encode(stretch.train)]
            validationExamples = [encoder.encode(stretch.validation)]
        } else {
            self.holdsStretch = false
            let split = Split.byDocument(rows, validation: validation)
            trainingExamples = split.train.map { encoder.encode($0) }
            validationExamples = split.validation.map { encoder.encode($0) }
        }
        renderedRows = rows.count { $0.row.isRendered }
        let hasChats = rows.contains { $0.row.shape == .chat || $0.row.shape == .chatCompletion }
        templateRemark = hasChats ? model.templateRemark : nil
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
