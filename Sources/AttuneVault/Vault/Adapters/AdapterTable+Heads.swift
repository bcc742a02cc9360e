// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Names one of the versions that an adapter came to on the devices of the circle, and that no other one follows.
package struct HeadRecord: Sendable, Equatable {
    package let version: VersionRecord
    /// The device it comes from; nil for one that was not published yet.
    package let device: DeviceID?
}

extension AdapterTable {
    /// Lists the heads of an adapter: one if all devices agree, several if two went on at once. The one that the name
    /// points at here comes first.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func heads(of name: String) throws -> [HeadRecord] {
        try vault.read { try Self.heads($0, try Self.row($0, named: name)) }
    }

    /// Names the live adapters that have several heads.
    package func withSeveralHeads() throws -> [String] {
        try vault.read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT a.name FROM events e JOIN adapters a ON a.id = e.adapter WHERE e.tip = 1 AND a.trashed = 0
                    GROUP BY a.seq HAVING COUNT(DISTINCT e.version) > 1 ORDER BY a.seq
                    """)
        }
    }

    /// Ends a choice between heads: the name points at `version` everywhere, and all heads count as followed.
    ///
    /// Nothing is removed: the other heads stay as versions.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023.
    @discardableResult
    package func resolve(_ reference: VersionReference) throws -> VersionRecord {
        try vault.write { database in
            let target = try VersionTable.fetch(database, reference)
            let row = try Self.row(database, named: reference.adapter)
            let id = try row.value("id", as: AdapterID.self)
            let previous = try row.optional("head", as: Int64.self)
            let several = try Self.heads(database, row).count > 1
            guard several || previous != target.row else { return target }
            try Self.setHead(database, id, to: target.row)
            try EventTable.noteHead(database, id, resolving: true)
            let subject = id.description
            try vault.journal.note(
                database, .rollback, "choose \(target.reference)", subject: subject,
                reversal: previous.map { .moveHead(adapter: subject, to: $0) })
            return try VersionTable.fetch(database, row: target.row) ?? target
        }
    }

    /// Points an adapter's name at one of its versions, by default the one before.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023.
    @discardableResult
    package func rollback(_ name: String, to selector: VersionReference.Selector = .back(1)) throws -> VersionRecord {
        try vault.write { database in
            let target = try VersionTable.fetch(database, VersionReference(adapter: name, selector: selector))
            let row = try Self.row(database, named: name)
            let previous = try row.optional("head", as: Int64.self)
            guard previous != target.row else { return target }
            let id = try row.value("id", as: AdapterID.self)
            try Self.setHead(database, id, to: target.row)
            let previousID = try previous.flatMap { try VersionTable.fetch(database, row: $0)?.id }
            try EventTable.noteHead(database, id, from: previousID)
            let subject = id.description
            try vault.journal.note(
                database, .rollback, "point \(target.adapter) at \(target.reference)", subject: subject,
                reversal: previous.map { .moveHead(adapter: subject, to: $0) })
            return try VersionTable.fetch(database, row: target.row) ?? target
        }
    }

    /// Moves the names that stood still for what does not stop them any more.
    package func moveHeldNames() throws {
        guard try vault.settings.value(of: Self.heldNames) != nil else { return }
        try vault.write { database in
            try Self.moveNames(database)
            try SettingTable.set(database, Self.heldNames, to: nil)
        }
    }

    /// Set by the step of the layout after which fewer things hold up names.
    private static let heldNames = "sync.held-names"
}

/// Moves names from one version to another.
extension AdapterTable {
    static func heads(_ database: Database, _ row: Row) throws -> [HeadRecord] {
        let adapter = try row.value("id", as: AdapterID.self)
        let head = try row.optional("head", as: Int64.self).flatMap { try VersionTable.fetch(database, row: $0) }
        var seen: Set<VersionID> = []
        var result: [HeadRecord] = []
        for tip in try EventTable.tips(database, adapter) where seen.insert(tip.version).inserted {
            guard
                let found = try VersionTable.select(database, "v.adapter = ? AND v.id = ?", [adapter, tip.version])
                    .first
            else { continue }
            result.append(HeadRecord(version: found, device: tip.device))
        }
        if let head, !result.contains(where: { $0.version.id == head.id }), result.count != 1 {
            result.append(HeadRecord(version: head, device: nil))
        }
        return result.filter(\.version.isHead) + result.filter { !$0.version.isHead }
    }

    static func setHead(_ database: Database, _ adapterID: AdapterID, to row: Int64?) throws {
        try database.execute(cached: "UPDATE adapters SET head = ? WHERE id = ?", arguments: [row, adapterID])
    }

    /// Makes names that point at a version point at nothing.
    static func forgetHead(_ database: Database, _ version: Int64) throws {
        try database.execute(cached: "UPDATE adapters SET head = NULL WHERE head = ?", arguments: [version])
    }

    /// Moves every name that was held up by evidence and is not any more.
    static func moveNames(_ database: Database) throws {
        for adapter in try EventTable.adapters(database) { try Self.advance(database, adapter) }
    }

    /// Moves the name to the one head where the others followed on it, and says which chunks are wanted for that.
    ///
    /// Nothing moves while there are several heads or evidence is open: a person decides then.
    ///
    /// - Parameter changed: the events that came or are followed now; nil where any may be another.
    static func advance(
        _ database: Database, _ adapter: AdapterID, isCutOff: Bool = false, changed: [Int64]? = nil
    ) throws {
        guard let row = try row(database, adapter) else { return }
        let head = try row.optional("head", as: Int64.self)
        var now = head
        // However many heads there are, three questions say what there is to know of them.
        if try head.map({ try EventTable.isTip(database, version: $0) }) != true,
            let first = try EventTable.firstTip(database, adapter)
        {
            let isNew = head == nil || isCutOff
            if try isNew || !EvidenceTable.isOpen(database) && EventTable.isOnlyTip(database, adapter, version: first) {
                try Self.setHead(database, adapter, to: first)
                // What another device went back to is no trash.
                try TrashTable.takeOut(database, version: first)
                now = first
            }
        }
        guard let changed else { return try PinTable.refreshWanted(database, adapter) }
        var rows = try changed.flatMap { try EventTable.versions(database, of: $0) }
        if now != head { rows += [head, now].compactMap(\.self) }
        try PinTable.refreshWanted(database, adapter, of: rows)
    }

    /// Points names at the newest version that is left; a name without any goes. What the trash lists is left to `TrashTable.mend`.
    ///
    /// - Returns: the names that this concerns, each with what became of it.
    static func mendHeads(_ database: Database) throws -> [SalvageReport.Loss] {
        let newest = "(SELECT MAX(v.seq) FROM versions v WHERE v.adapter = adapters.id AND v.trashed = 0)"
        let headless = try Row.fetchAll(
            database,
            sql: """
                SELECT name, (SELECT number FROM versions WHERE seq = \(newest)) AS number
                FROM adapters WHERE head IS NULL AND trashed = 0 ORDER BY seq
                """
        ).map { row in
            let name = try row.value("name", as: String.self)
            let number = try row.optional("number", as: Int.self)
            return SalvageReport.Loss(
                subject: name,
                reason: "the version that it pointed at is lost"
                    + (number.map { ", and it points at \(name)@\($0)" } ?? ""))
        }
        try database.execute(sql: "UPDATE adapters SET head = \(newest) WHERE head IS NULL")
        try database.execute(
            sql: "DELETE FROM adapters WHERE NOT EXISTS (SELECT 1 FROM versions WHERE adapter = adapters.id)")
        return headless
    }
}
