// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTraining
import Foundation
import Testing

@Suite struct DataStatisticsTests {
    private func row(_ row: DataRow, _ path: String, _ line: Int? = nil) -> Dataset.Row {
        .init(row: row, source: DataSource(root: "d", path: path, line: line))
    }

    @Test func countsWhatIsThere() throws {
        let rows = [
            row(.text("a"), "a.md"), row(.text("a"), "b.md"),
            row(.completion(prompt: "p", completion: "c"), "c.jsonl", 1),
            row(.text("a"), "c.jsonl", 2),
        ]
        let lengths = [1, 16, 17, 100]
        let examples = zip(rows, lengths).map { row, length in
            Example(
                tokens: Array(repeating: 1, count: length), trained: (0..<length).map { $0 % 2 == 0 },
                source: row.source)
        }
        let statistics = DataStatistics(rows: rows, examples: examples, maxLength: 16)
        #expect(statistics.documents == 3)
        #expect(statistics.examples == 4)
        #expect(statistics.tokens == 134)
        #expect(statistics.trainedTokens == 0 + 7 + 8 + 49)
        #expect(statistics.untrained == 1)
        #expect(statistics.exceeding == 2)
        #expect(statistics.duplicates == 2)
        #expect(statistics.shapes == [.text: 3, .completion: 1])
        #expect((statistics.shortest, statistics.median, statistics.longest) == (1, 16, 100))
        #expect(statistics.percentile95 == 100)
        #expect(statistics.histogram.map(\.count) == [2, 1, 0, 1])
        #expect(statistics.histogram.map(\.through) == [16, 32, 64, 128])
        #expect(statistics.histogram.map(\.from) == [1, 17, 33, 65])
        let json = String(decoding: try JSONEncoder().encode(statistics), as: UTF8.self)
        #expect(json.contains("\"completion\":1"))
    }

    @Test func nothingCountsAsNothing() {
        let statistics = DataStatistics(rows: [], examples: [], maxLength: 16)
        #expect(statistics.tokens == 0)
        #expect(statistics.longest == 0)
        #expect(statistics.histogram.isEmpty)
    }
}
