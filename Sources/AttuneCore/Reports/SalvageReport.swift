// Attune
// SPDX-License-Identifier: Apache-2.0

/// What was saved of a damaged store, and what was not.
package struct SalvageReport: Sendable, Equatable {
    /// What was found of one table.
    package struct Table: Sendable, Equatable {
        package let name: String
        package var rows = 0
        /// Pages of the table that do not open, and those of which only an earlier content opens.
        package var lostPages = 0
        package var stalePages = 0
        /// Rows of which only a part opens, or that refer to others which are lost.
        package var lostRows = 0

        package init(name: String) { self.name = name }
    }

    /// One named thing that is not in the new store.
    package struct Loss: Sendable, Equatable {
        /// Such as `notes@3`.
        package let subject: String
        package let reason: String

        package init(subject: String, reason: String) {
            self.subject = subject
            self.reason = reason
        }
    }

    /// Whether the new store is a device of the circle that the damaged one belonged to.
    package enum Circle: String, Sendable { case none, kept, left }

    /// The folder of the new store.
    package let store: String
    /// Pages of the database; of which nothing opens; of which only an earlier content opens.
    package var pages = 0
    package var lostPages: [Int] = []
    package var stalePages: [Int] = []
    /// Frames of the log, and those of them that do not open, counted from 1.
    package var frames = 0
    package var lostFrames: [Int] = []
    /// Tables with rows or losses.
    package var tables: [Table] = []
    /// Rows in pages that nothing refers to any more.
    package var strayRows = 0
    /// Versions whose every byte is in the new store.
    package var versions = 0
    /// Versions whose bytes the next sync fetches again.
    package var awaited: [String] = []
    package var lost: [Loss] = []
    package var circle = Circle.none

    package init(store: String) { self.store = store }

    /// Whether everything that the damaged store held is in the new one.
    package var isComplete: Bool {
        lostPages.isEmpty && lostFrames.isEmpty && stalePages.isEmpty && lost.isEmpty && awaited.isEmpty
            && circle != .left && tables.allSatisfy { $0.lostPages == 0 && $0.lostRows == 0 }
    }

    /// Whether it names a version of this adapter.
    package func tells(of adapter: String) -> Bool {
        (lost.map(\.subject) + awaited).contains { $0.hasPrefix(adapter + "@") }
    }

    /// Notes something of the table `name`, which is added if it is not there yet.
    package mutating func add(_ name: String, _ change: (inout Table) -> Void) {
        let place = tables.firstIndex { $0.name == name } ?? tables.endIndex
        if place == tables.endIndex { tables.append(Table(name: name)) }
        change(&tables[place])
    }
}
