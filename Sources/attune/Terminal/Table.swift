// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// A plain table: a header, rows, columns padded to the widest cell.
struct Table {
    private let header: [String]
    private var rows: [[String]] = []

    init(_ header: [String]) { self.header = header }

    /// Adds a row of as many cells as the header has; whatever a cell holds, it stays in its row.
    mutating func add(_ cells: [String]) { rows.append(cells.map(ShownText.line)) }

    /// The lines, without trailing spaces; a paragraph for each row where there are fewer columns than a line needs.
    func render(columns: Int? = nil) -> String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { Self.width($0[column]) }.max() ?? 0 }
        if let columns, widths.reduce(0, +) + 2 * (widths.count - 1) > columns { return paragraphs(columns) }
        return all.map { row in
            let line = row.indices.map { column in
                row[column] + String(repeating: " ", count: widths[column] - Self.width(row[column]))
            }
            let text = line.joined(separator: "  ")
            return String(text.reversed().drop(while: { $0 == " " }).reversed())
        }.joined(separator: "\n")
    }

    private func paragraphs(_ columns: Int) -> String {
        rows.map { row in
            let rest = zip(header, row).dropFirst().filter { !$1.isEmpty && $1 != "-" }
            let cells = rest.map { "\($0.lowercased()) \($1)" }
            return TerminalText.wrapped(row[0], columns: columns) + "\n"
                + TerminalText.wrapped(cells, between: ", ", indent: "  ", columns: columns)
        }.joined(separator: "\n")
    }

    private static func width(_ text: String) -> Int { text.unicodeScalars.count }
}
