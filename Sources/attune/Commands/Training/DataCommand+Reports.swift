// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import AttuneModel
import AttuneTraining

extension DataCommand {
    /// Loads and encodes with the tokenizer of a base; refuses data with errors.
    static func encode(
        _ paths: [String], base: String?, skipBad: Bool, global: GlobalOptions
    ) throws -> (dataset: Dataset, examples: [Example], model: BaseModel) {
        let dataset = try Dataset.load(paths: paths, options: DatasetOptions(skipBad: skipBad))
        for issue in dataset.issues.prefix(20) { global.console.note(issue.description) }
        try dataset.requireUsable()
        let library = BaseLibrary(folder: global.paths.bases)
        let model = try library.open(try library.chosen(base))
        let encoder = ExampleEncoder(tokenizer: model.tokenizer, template: model.chatTemplate)
        return (dataset, dataset.rows.map { encoder.encode($0) }, model)
    }

    struct CheckReport: Encodable {
        struct Place: Encodable {
            let file: String
            let line: Int?
            let column: Int?
            let code: String
            let message: String
            let suggestion: String?
        }

        let schema = 1
        let files: Int
        let rows: Int
        let errors: Int
        let issues: [Place]
        let ignored: [Dataset.Ignored]
        let otherTypes: [String: Int]
        let unusedKeys: [String: Int]

        init(_ dataset: Dataset) {
            files = dataset.files
            rows = dataset.rows.count
            errors = dataset.issueCount
            issues = dataset.issues.map {
                Place(
                    file: $0.file, line: $0.line, column: $0.column, code: $0.code.rawValue, message: $0.message,
                    suggestion: $0.suggestion)
            }
            ignored = dataset.ignored
            otherTypes = dataset.otherTypes
            unusedKeys = dataset.unusedKeys
        }
    }

    struct PreviewReport: Encodable {
        struct Token: Encodable {
            let id: Int32
            let text: String
            let trained: Bool
        }

        struct Row: Encodable {
            let source: String
            let tokens: [Token]
            let trained: Int
            let omitted: Int
        }

        let schema = 1
        let rows: [Row]

        init(_ previews: [Preview]) {
            rows = previews.map { preview in
                Row(
                    source: preview.source.description,
                    tokens: preview.runs.flatMap { run in
                        run.tokens.map { Token(id: $0.id, text: $0.text, trained: run.isTrained) }
                    }, trained: preview.trainedCount, omitted: preview.omittedCount)
            }
        }
    }

    struct StatsReport: Encodable {
        let schema = 1
        let statistics: DataStatistics
    }
}
