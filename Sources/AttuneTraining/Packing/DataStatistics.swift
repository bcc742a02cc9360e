// Attune
// SPDX-License-Identifier: Apache-2.0

/// Counts that a person looks at before training: how much data there is, how long its examples are, and whether any
/// repeats or is too long.
package struct DataStatistics: Codable, Hashable, Sendable {
    /// Examples whose lengths fall between two bounds.
    package struct Bin: Codable, Hashable, Sendable {
        /// Fewest tokens in this bin.
        package let from: Int
        /// Most tokens in this bin.
        package let through: Int
        package let count: Int
    }

    /// Files that gave rows.
    package let documents: Int
    package let examples: Int
    /// Tokens of all examples, end tokens included.
    package let tokens: Int
    /// Tokens that are learned when each example stands alone.
    package let trainedTokens: Int
    /// Tokens of the shortest, the middle, the 95th percentile and the longest example; 0 if there is none.
    package let shortest: Int
    package let median: Int
    package let percentile95: Int
    package let longest: Int
    /// Lengths in bins of 1…16, 17…32, 33…64 and so on, without gaps, up to the longest; the first bins may be absent.
    package let histogram: [Bin]
    /// The length that `exceeding` is about.
    package let maxLength: Int
    /// Examples longer than `maxLength`, which `.documents` packing cuts into pieces.
    package let exceeding: Int
    /// Examples in which no token is learned.
    package let untrained: Int
    /// Rows that repeat an earlier one exactly.
    package let duplicates: Int
    /// Count of rows of each shape.
    package let shapes: [DataRow.Shape: Int]

    /// - Parameters:
    ///   - rows: the rows, of which duplicates and shapes are counted.
    ///   - examples: the same rows encoded.
    ///   - maxLength: most tokens in a block.
    package init(rows: [Dataset.Row], examples: [Example], maxLength: Int) {
        documents = Set(rows.map { DataSource(root: $0.source.root, path: $0.source.path) }).count
        self.examples = examples.count
        tokens = examples.reduce(0) { $0 + $1.tokens.count }
        trainedTokens = examples.reduce(0) { $0 + $1.targetCount }
        untrained = examples.count { $0.targetCount == 0 }
        let lengths = examples.map(\.tokens.count).sorted()
        shortest = lengths.first ?? 0
        longest = lengths.last ?? 0
        median = lengths.isEmpty ? 0 : lengths[(lengths.count - 1) / 2]
        percentile95 = lengths.isEmpty ? 0 : lengths[(lengths.count * 95 + 99) / 100 - 1]
        histogram = Self.histogram(lengths)
        self.maxLength = maxLength
        exceeding = lengths.count { $0 > maxLength }
        duplicates = rows.count - Set(rows.map(\.row)).count
        shapes = Dictionary(rows.map { ($0.row.shape, 1) }, uniquingKeysWith: +)
    }

    private static func histogram(_ sorted: [Int]) -> [Bin] {
        guard let longest = sorted.last else { return [] }
        var bins: [Bin] = []
        var (from, through, next) = (1, 16, 0)
        while true {
            let end = sorted[next...].firstIndex { $0 > through } ?? sorted.count
            if end > next || !bins.isEmpty { bins.append(Bin(from: from, through: through, count: end - next)) }
            if through >= longest { return bins }
            (from, through, next) = (through + 1, through * 2, end)
        }
    }
}
