// Attune
// SPDX-License-Identifier: Apache-2.0

/// Divides data into what is learned and what only measures, by whole documents.
///
/// A row is never cut: a text file is one row, a line of a JSONL file is one row.
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
