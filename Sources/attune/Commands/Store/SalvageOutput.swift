// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// What `attune doctor --repair` and `attune restore --damaged` saved and what they did not.
struct SalvageOutput: Encodable {
    let schema = 1
    /// What it was saved from, in a sentence.
    private let source: String
    private let shortfall: (any AttuneError)?
    private let store: String
    private let complete: Bool
    private let pages: Int
    private let lostPages: [Int]
    private let stalePages: [Int]
    private let logFrames: Int
    private let lostLogFrames: [Int]
    private let tables: [Table]
    private let strayRows: Int
    private let versions: Int
    private let fetchedAgain: [String]
    private let lost: [Loss]
    private let circle: String

    private struct Table: Encodable {
        let name: String
        let rows: Int
        let lostPages: Int
        let lostRows: Int
    }

    private struct Loss: Encodable {
        let subject: String
        let reason: String
    }

    private enum CodingKeys: String, CodingKey {
        case schema, store, complete, pages, lostPages, stalePages, logFrames, lostLogFrames, tables, strayRows
        case versions, fetchedAgain, lost, circle
    }

    /// - Parameter source: what it was saved from, such as `the damaged store`.
    init(_ report: SalvageReport, of source: String) {
        self.source = source
        shortfall = report.shortfall(of: source)
        store = report.store
        complete = report.isComplete
        pages = report.pages
        lostPages = report.lostPages
        stalePages = report.stalePages
        logFrames = report.frames
        lostLogFrames = report.lostFrames
        tables = report.tables.map {
            Table(name: $0.name, rows: $0.rows, lostPages: $0.lostPages, lostRows: $0.lostRows)
        }
        strayRows = report.strayRows
        versions = report.versions
        fetchedAgain = report.awaited
        lost = report.lost.map { Loss(subject: $0.subject, reason: $0.reason) }
        circle = report.circle.rawValue
    }

    /// Prints it.
    ///
    /// - Parameter remark: said to a person behind it.
    /// - Throws: `VaultError` E-VAULT-012 (exit 3) if something could not be saved.
    func show(on console: Console, remark: () -> Void = {}) throws {
        if console.json {
            try console.print(self)
        } else {
            print(on: console)
            remark()
        }
        if let shortfall { throw shortfall }
    }

    private func print(on console: Console) {
        console.print("pages     \(pages - lostPages.count) of \(pages) open\(Self.numbers(lostPages, "lost"))")
        if !stalePages.isEmpty {
            console.print(
                "          of \(stalePages.count) only an earlier content opens\(Self.numbers(stalePages, ""))")
        }
        if logFrames > 0 {
            console.print(
                "log       \(logFrames - lostLogFrames.count) of \(logFrames) frames open"
                    + Self.numbers(lostLogFrames, "lost"))
        }
        for table in tables where table.rows > 0 || table.lostPages > 0 || table.lostRows > 0 {
            var text = Quantity.counted(table.rows, "row")
            if table.lostRows > 0 { text += ", \(table.lostRows) lost" }
            if table.lostPages > 0 { text += ", \(Quantity.counted(table.lostPages, "page")) lost" }
            console.print(table.name.padding(toLength: 16, withPad: " ", startingAt: 0) + text)
        }
        console.print("versions  \(versions) whole")
        for version in fetchedAgain {
            console.say(
                ShownText.line(
                    "AGAIN     \(version): its bytes come with the next attune sync now --store "
                        + ShellWord.quoted(store)))
        }
        for loss in lost { console.say(ShownText.line("LOST      \(loss.subject): \(loss.reason)")) }
        if circle == "left" {
            console.say(
                "LOST      the circle of devices: pair this one anew with attune devices join, or attune devices add")
        }
        console.say(
            (complete ? "Everything was saved" : "Saved what opens")
                + " into \(store); \(source) was not changed")
        if complete { console.note("Look: attune status --store \(ShellWord.quoted(store))") }
    }

    private static func numbers(_ list: [Int], _ what: String) -> String {
        guard !list.isEmpty else { return "" }
        let shown = list.prefix(10).map(String.init).joined(separator: ", ") + (list.count > 10 ? ", …" : "")
        return what.isEmpty ? ": \(shown)" : "; \(what): \(shown)"
    }
}
