// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTokenizer
import AttuneTraining

/// Training data that is looked at before it is used.
package struct DataReview: Sendable {
    package let findings: DataFindings
    private let dataset: Dataset

    /// Reads files and folders.
    ///
    /// - Throws: `TrainingError` E-DATA-001 to E-DATA-004.
    package init(paths: [String], skipBad: Bool = false) throws {
        dataset = try Dataset.load(paths: paths, options: DatasetOptions(skipBad: skipBad))
        findings = DataFindings(dataset)
    }

    /// The data as a base sees it.
    ///
    /// - Parameter base: nil for the one that is meant where none is named.
    /// - Throws: `TrainingError` E-DATA-005; `KitError` E-BASE-001, E-BASE-012.
    package func encoded(for base: String?, of library: BaseLibrary) throws -> EncodedData {
        try dataset.requireUsable()
        let model = try library.open(try library.chosen(base))
        let encoder = ExampleEncoder(tokenizer: model.tokenizer, template: model.chatTemplate)
        return EncodedData(
            rows: dataset.rows, examples: dataset.rows.map { encoder.encode($0) }, tokenizer: model.tokenizer)
    }
}

/// Training data in the tokens of a base.
package struct EncodedData: Sendable {
    fileprivate let rows: [Dataset.Row]
    fileprivate let examples: [Example]
    fileprivate let tokenizer: Tokenizer

    package var count: Int { rows.count }

    /// The first rows as the model sees them.
    ///
    /// - Parameter limit: most tokens of each row.
    package func preview(rows count: Int, limit: Int) -> DataPreview {
        DataPreview(rows: examples.prefix(max(0, count)).map { .init(Preview($0, tokenizer: tokenizer, limit: limit)) })
    }

    /// Counts of documents, tokens, lengths and repeats.
    ///
    /// - Parameter maxLength: most tokens in a block.
    package func survey(maxLength: Int) -> DataSurvey {
        DataSurvey(statistics: DataStatistics(rows: rows, examples: examples, maxLength: maxLength))
    }
}

/// Rows with what of them is learned.
package struct DataPreview: Sendable, Encodable {
    package struct Token: Sendable, Encodable {
        let id: Int32
        let text: String
        let trained: Bool
    }

    package struct Row: Sendable, Encodable {
        /// `file` or `file:line`, safe to print.
        package let source: String
        let tokens: [Token]
        /// Tokens that are learned.
        package let trained: Int
        /// Tokens beyond the limit.
        package let omitted: Int
        /// Neighbouring tokens that are all learned or all given; not escaped for a terminal.
        package let runs: [(text: String, isTrained: Bool)]
        /// Tokens of the whole row.
        package let count: Int

        private enum CodingKeys: CodingKey { case source, tokens, trained, omitted }

        init(_ preview: Preview) {
            source = preview.source.description
            tokens = preview.runs.flatMap { run in
                run.tokens.map { Token(id: $0.id, text: $0.text, trained: run.isTrained) }
            }
            trained = preview.trainedCount
            omitted = preview.omittedCount
            runs = preview.runs.map { ($0.text, $0.isTrained) }
            count = preview.tokenCount
        }
    }

    package let schema = 1
    package let rows: [Row]
}

/// How much data there is, how long its examples are, and whether any repeats or is too long.
package struct DataSurvey: Sendable, Encodable {
    package let schema = 1
    let statistics: DataStatistics

    /// The length of blocks where neither a person nor the data says otherwise.
    package static let standardLength = TrainingConfiguration.standardLength

    /// What a person reads, each with its label.
    package var facts: [(label: String, value: String)] {
        let numbers = statistics
        let shapes = numbers.shapes.sorted { $0.key.rawValue < $1.key.rawValue }.map {
            "\($0.value) \($0.key.rawValue)"
        }
        return [
            ("files", Quantity.text(count: numbers.documents)),
            ("rows", "\(Quantity.text(count: numbers.examples)) (\(shapes.joined(separator: ", ")))"),
            (
                "tokens",
                "\(Quantity.text(count: numbers.tokens)), \(Quantity.text(count: numbers.trainedTokens)) trained"
            ),
            (
                "lengths",
                "\(numbers.shortest) to \(numbers.longest), median \(numbers.median), 95 % up to \(numbers.percentile95)"
            ),
            ("over \(numbers.maxLength)", "\(numbers.exceeding), which are split, none is cut off"),
            ("repeats", "\(numbers.duplicates)"), ("nothing to train", "\(numbers.untrained)"),
        ]
    }

    /// How many examples have lengths between two bounds, both included.
    package var histogram: [(from: Int, through: Int, count: Int)] {
        statistics.histogram.map { ($0.from, $0.through, $0.count) }
    }
}
