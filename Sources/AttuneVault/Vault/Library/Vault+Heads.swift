// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// One of the versions that an adapter came to on the devices of the circle, and that no other one follows.
package struct HeadRecord: Sendable, Equatable {
    package let version: VersionRecord
    /// The device it comes from; nil for one that was not published yet.
    package let device: DeviceID?
}

extension Vault {
    /// The heads of an adapter: one where all devices agree, several where two went on at once. The one that the name
    /// points at here comes first.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func heads(of name: String) throws -> [HeadRecord] {
        try read { try Self.heads($0, try Self.adapterRow($0, named: name)) }
    }

    /// Names of live adapters that have several heads.
    package func adaptersWithSeveralHeads() throws -> [String] {
        try read { database in
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
        try write { database in
            let target = try Self.version(database, reference)
            let row = try Self.adapterRow(database, named: reference.adapter)
            let id = try row.value("id", as: AdapterID.self)
            let previous = try row.optional("head", as: Int64.self)
            let several = try Self.heads(database, row).count > 1
            guard several || previous != target.row else { return target }
            try setHead(database, id, to: target.row)
            try noteHead(database, id, resolving: true)
            let subject = id.description
            try log(
                database, .rollback, "choose \(target.reference)", subject: subject,
                reversal: previous.map { .moveHead(adapter: subject, to: $0) })
            return try Self.version(database, row: target.row) ?? target
        }
    }

    static func heads(_ database: Database, _ row: Row) throws -> [HeadRecord] {
        let adapter = try row.value("id", as: AdapterID.self)
        let head = try row.optional("head", as: Int64.self).flatMap { try version(database, row: $0) }
        var seen: Set<VersionID> = []
        var result: [HeadRecord] = []
        for tip in try tips(database, adapter) where seen.insert(tip.version).inserted {
            guard let found = try versions(database, "v.adapter = ? AND v.id = ?", [adapter, tip.version]).first
            else { continue }
            result.append(HeadRecord(version: found, device: tip.device))
        }
        if let head, !result.contains(where: { $0.version.id == head.id }), result.count != 1 {
            result.append(HeadRecord(version: head, device: nil))
        }
        return result.filter(\.version.isHead) + result.filter { !$0.version.isHead }
    }

    /// Events about the head of an adapter that no other such event follows, oldest first.
    static func tips(
        _ database: Database, _ adapter: AdapterID
    ) throws -> [(event: Int64, version: VersionID, device: DeviceID?)] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT e.seq, e.version, COALESCE(
                    (SELECT v.device FROM events v
                     WHERE v.adapter = e.adapter AND v.kind = 'version' AND v.version = e.version LIMIT 1),
                    e.device) AS device
                FROM events e WHERE e.adapter = ? AND e.tip = 1
                ORDER BY e.seq
                """, arguments: [adapter]
        ).map {
            (
                try $0.value("seq"), try $0.value("version"),
                try $0.optional("device")
            )
        }
    }

    /// Moves the name to the one head where the others followed on it, and says which chunks are wanted for that.
    ///
    /// Nothing moves while there are several heads or evidence is open: a person decides then.
    ///
    /// - Parameter changed: the events that came or are followed now; nil where any may be another.
    func advance(
        _ database: Database, _ adapter: AdapterID, isCutOff: Bool = false, changed: [Int64]? = nil
    ) throws {
        guard
            let row = try Row.fetchOne(database, cached: "SELECT head FROM adapters WHERE id = ?", arguments: [adapter])
        else { return }
        let head = try row.optional("head", as: Int64.self)
        var now = head
        // However many heads there are, three questions say what there is to know of them.
        let tips = """
            events e JOIN versions v ON v.adapter = e.adapter AND v.id = e.version
            WHERE e.adapter = :adapter AND e.tip = 1
            """
        let isTip = try head.map { head in
            try Bool.fetchOne(
                database,
                cached: """
                    SELECT EXISTS (SELECT 1 FROM versions v JOIN events e
                        ON e.adapter = v.adapter AND e.version = v.id WHERE v.seq = ? AND e.tip = 1)
                    """, arguments: [head]) ?? false
        }
        if isTip != true,
            let first = try Int64.fetchOne(
                database, cached: "SELECT v.seq FROM \(tips) ORDER BY e.seq LIMIT 1", arguments: ["adapter": adapter])
        {
            let isNew = head == nil || isCutOff
            func isOnly() throws -> Bool {
                try Bool.fetchOne(
                    database, cached: "SELECT NOT EXISTS (SELECT 1 FROM \(tips) AND v.seq <> :first)",
                    arguments: ["adapter": adapter, "first": first]) ?? false
            }
            if try isNew || !Self.hasOpenEvidence(database) && isOnly() {
                try setHead(database, adapter, to: first)
                now = first
            }
        }
        guard let changed else { return try refreshWanted(database, adapter) }
        var rows = try changed.flatMap { event in
            try Int64.fetchAll(
                database,
                cached: """
                    SELECT v.seq FROM events e JOIN versions v ON v.adapter = e.adapter AND v.id = e.version
                    WHERE e.seq = ?
                    """, arguments: [event])
        }
        if now != head { rows += [head, now].compactMap(\.self) }
        try refreshWanted(database, adapter, of: rows)
    }
}
