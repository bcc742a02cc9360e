// Attune
// SPDX-License-Identifier: Apache-2.0

/// Divides data into what is learned and what only measures, by whole documents.
///
/// A row is never cut but if it is the only one: a text file is one row, a line of a JSONL file is one row.
package enum Split {
    /// Sets aside about `fraction` of the rows: with n = round(1/fraction), at least 2, those at n−1, 2n−1, 3n−1, …
    ///
    /// 0.1 takes every tenth. Where there are two rows or more but fewer than n, the last is set aside. A fraction that
    /// is not above 0, or a single row, sets nothing aside.
    package static func byDocument<Row>(_ rows: [Row], validation fraction: Double) -> (train: [Row], validation: [Row])
    {
        guard fraction > 0 else { return (rows, []) }
        let period = (1 / fraction).rounded()
        return byDocument(rows, every: period < Double(rows.count) ? Int(period) : max(rows.count, 2))
    }

    /// Bytes of a text that is long enough to hold a stretch of it out.
    private static let stretchBytes = 2000

    /// Cuts about `fraction` off the end of a single long text, where a paragraph, a line or a word ends; nil if the rows
    /// are no single text, or one that is too short.
    package static func byStretch(
        _ rows: [Dataset.Row], validation fraction: Double
    ) -> (train: Dataset.Row, validation: Dataset.Row)? {
        guard fraction > 0, fraction < 1, rows.count == 1, case .text(let text) = rows[0].row,
            text.utf8.count >= stretchBytes
        else { return nil }
        let (bytes, wish) = (Array(text.utf8), Int(Double(text.utf8.count) * (1 - fraction)))
        let near = max(1, wish - text.utf8.count / 20)..<max(2, wish)
        func end(_ mark: [UInt8]) -> Int? {
            near.reversed().first { $0 + mark.count <= bytes.count && bytes[$0..<$0 + mark.count].elementsEqual(mark) }
                .map { $0 + mark.count }
        }
        let cut = end([0x0A, 0x0A]) ?? end([0x0A]) ?? end([0x20]) ?? near.last { bytes[$0] & 0xC0 != 0x80 } ?? wish
        func row(_ part: ArraySlice<UInt8>) -> Dataset.Row {
            Dataset.Row(row: .text(String(decoding: part, as: UTF8.self)), source: rows[0].source)
        }
        return (row(bytes[..<cut]), row(bytes[cut...]))
    }

    /// Sets aside every `nth` row, counting from 1; `nth` below 2 means 2, and fewer rows than `nth` give the last one.
    package static func byDocument<Row>(_ rows: [Row], every nth: Int) -> (train: [Row], validation: [Row]) {
        guard rows.count >= 2 else { return (rows, []) }
        let period = min(max(nth, 2), rows.count)
        var train: [Row] = []
        var validation: [Row] = []
        for (index, row) in rows.enumerated() {
            if index % period == period - 1 { validation.append(row) } else { train.append(row) }
        }
        return (train, validation)
    }
}
