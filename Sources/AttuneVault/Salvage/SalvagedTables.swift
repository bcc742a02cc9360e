// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// Finds the rows of a damaged database in the pages that still open.
///
/// A table's pages are followed from its first page on. Where pages on the way are lost, what hung below them is found
/// among the pages that nothing refers to, by the shape of its rows.
final class SalvagedTables {
    /// A row, its values in the order of the table's columns as they are stored.
    struct Row {
        let rowid: Int64?
        let values: [DatabaseValue]
    }

    /// What was found of one table.
    struct Found {
        var rows: [Row] = []
        /// Pages of it that do not open.
        var lostPages = 0
        /// Pages of it of which only an earlier content opens.
        var stalePages = 0
        /// Rows whose rest lies in pages that do not open.
        var lostRows = 0

        var isWhole: Bool { lostPages == 0 && stalePages == 0 && lostRows == 0 }
    }

    private let pages: SalvagedPages
    private var visited: Set<Int> = []
    private var roots: [String: Int] = [:]
    /// Whether the list of tables itself was read whole.
    private(set) var knowsAllTables = false
    /// `PRAGMA user_version`; nil if the first page does not open.
    let layout: Int?

    init(_ pages: SalvagedPages) {
        self.pages = pages
        layout = pages.page(1).map { $0[60..<64].reduce(0) { $0 << 8 | Int($1) } }
        let schema = follow(1)
        for row in schema.rows where row.values.count >= 4 {
            guard let name = String.fromDatabaseValue(row.values[1]),
                let root = Int.fromDatabaseValue(row.values[3]), root > 1
            else { continue }
            roots[name] = root
        }
        knowsAllTables = schema.isWhole
    }

    /// What can be reached from the first page of a table; nil if that page is not known.
    func table(_ name: String) -> Found? { roots[name].map { follow($0) } }

    /// Marks the pages of everything but these tables, and the free ones, as accounted for.
    func passOver(except tables: Set<String>) {
        for (name, root) in roots where !tables.contains(name) { _ = follow(root) }
        guard let first = pages.page(1) else { return }
        var trunk = Self.number(first, at: 32)
        while trunk > 0, !visited.contains(trunk), let page = pages.page(trunk) {
            visited.insert(trunk)
            let count = min(Self.number(page, at: 4), (SalvagedPages.usable - 8) / 4)
            for index in 0..<max(count, 0) { visited.insert(Self.number(page, at: 8 + 4 * index)) }
            trunk = Self.number(page, at: 0)
        }
    }

    /// The rows of one page that nothing refers to.
    struct Stray {
        let isTable: Bool
        let rows: [Row]
    }

    /// Pages with rows that nothing visited refers to, in order.
    func strays() -> [Stray] {
        (1...max(pages.count, 1)).compactMap { number in
            guard !visited.contains(number), let bytes = pages.page(number),
                let page = BTreePage(bytes, number: number), !page.cells.isEmpty
            else { return nil }
            return Stray(isTable: page.kind == .tableLeaf, rows: page.cells.compactMap { row($0) })
        }
    }

    private func follow(_ root: Int) -> Found {
        var found = Found()
        var waiting = [root]
        while let number = waiting.popLast() {
            guard visited.insert(number).inserted else { continue }
            guard let bytes = pages.page(number), let page = BTreePage(bytes, number: number) else {
                found.lostPages += 1
                continue
            }
            if pages.stale.contains(number) { found.stalePages += 1 }
            waiting += page.children.reversed()
            for cell in page.cells {
                if let row = row(cell) { found.rows.append(row) } else { found.lostRows += 1 }
            }
        }
        return found
    }

    /// Puts a row together; nil if a page of its rest does not open, or it is longer than all pages.
    private func row(_ cell: BTreePage.Cell) -> Row? {
        guard cell.length <= pages.count * SalvagedPages.usable else { return nil }
        var bytes = cell.local
        var next = cell.overflow
        while bytes.count < cell.length {
            guard next > 0, let page = pages.page(next) else { return nil }
            visited.insert(next)
            bytes += page[4..<min(SalvagedPages.usable, 4 + cell.length - bytes.count)]
            next = Self.number(page, at: 0)
        }
        return SQLiteRecord.values(bytes).map { Row(rowid: cell.rowid, values: $0) }
    }

    private static func number(_ bytes: [UInt8], at offset: Int) -> Int {
        bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
    }
}
