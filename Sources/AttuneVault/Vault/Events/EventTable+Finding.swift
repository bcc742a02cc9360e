// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import GRDB

/// Finds what is noted of adapters, versions and entries.
extension EventTable {
    /// Lists the adapters that something is noted of.
    static func adapters(_ database: Database) throws -> [AdapterID] {
        try Row.fetchAll(database, sql: "SELECT DISTINCT adapter FROM events").map { try $0.value("adapter") }
    }

    /// Lists the adapters that events of these entries are about.
    ///
    /// - Parameter entries: the query of their hashes.
    static func adapters(
        _ database: Database, saidIn entries: String, _ arguments: StatementArguments, kind: EventKind? = nil
    ) throws -> Set<AdapterID> {
        let isMeant = kind.map { "kind = '\($0.rawValue)'" } ?? "TRUE"
        let rows = try Row.fetchAll(
            database, sql: "SELECT DISTINCT adapter FROM events WHERE entry IN (\(entries)) AND \(isMeant)",
            arguments: arguments)
        return Set(try rows.map { try $0.value("adapter") })
    }

    static func drop(_ database: Database, saidIn entries: String, _ arguments: StatementArguments) throws {
        try database.execute(sql: "DELETE FROM events WHERE entry IN (\(entries))", arguments: arguments)
    }

    static func isNoted(_ database: Database, _ adapter: AdapterID) throws -> Bool {
        try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM events WHERE adapter = ?)", arguments: [adapter]) ?? true
    }

    static func isNoted(_ database: Database, _ version: VersionRecord) throws -> Bool {
        try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM events WHERE adapter = ? AND version = ?)",
            arguments: [version.adapterID, version.id]) ?? true
    }

    static func isNoted(_ database: Database, _ entry: EntryHash) throws -> Bool {
        try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM events WHERE entry = ?)", arguments: [entry]) ?? false
    }

    /// True if a version's entry, and with it its bytes, is somewhere else: another device made it, or a remote showed it.
    ///
    /// - Parameter knowsRemotes: false if what remotes showed is lost; then an entry is enough.
    static func isPublished(_ database: Database, _ version: VersionRecord, knowsRemotes: Bool) throws -> Bool {
        try Bool.fetchOne(
            database,
            sql: """
                SELECT EXISTS (SELECT 1 FROM events e JOIN entries n ON n.hash = e.entry
                    WHERE e.adapter = :adapter AND e.version = :version AND e.kind = 'version' AND (
                        NOT :knows OR n.device IS NOT (SELECT device FROM identity) OR EXISTS (
                            SELECT 1 FROM remote_marks WHERE device = n.device AND seq >= n.seq
                                AND remote NOT LIKE '% generation')))
                """, arguments: ["adapter": version.adapterID, "version": version.id, "knows": knowsRemotes]) ?? false
    }

    /// Lists the entries that say a version.
    static func entries(of version: VersionRecord, _ database: Database) throws -> [EntryHash] {
        try EntryHash.fetchAll(
            database,
            sql: """
                SELECT entry FROM events
                WHERE adapter = ? AND version = ? AND kind = 'version' AND entry IS NOT NULL ORDER BY seq
                """, arguments: [version.adapterID, version.id])
    }

    /// True if a version of an adapter waits to be published here.
    static func hasNewVersion(_ database: Database, _ adapter: AdapterID) throws -> Bool {
        try Bool.fetchOne(
            database,
            cached: "SELECT EXISTS (SELECT 1 FROM events WHERE adapter = ? AND kind = 'version' AND entry IS NULL)",
            arguments: [adapter]) ?? false
    }

    /// True if some device said that an adapter lies in the trash.
    static func wasTrashed(_ database: Database, _ adapter: AdapterID) throws -> Bool {
        try Bool.fetchOne(
            database,
            cached: "SELECT EXISTS (SELECT 1 FROM events WHERE adapter = ? AND kind = 'trashed' AND trashed = 1)",
            arguments: [adapter]) ?? true
    }

    /// Finds the newest event about a version of an adapter.
    static func newest(_ database: Database, _ adapter: AdapterID, _ version: VersionID) throws -> Int64? {
        try Int64.fetchOne(
            database, sql: "SELECT MAX(seq) FROM events WHERE adapter = ? AND version = ?",
            arguments: [adapter, version])
    }

    /// Finds the versions here that an event is about.
    static func versions(_ database: Database, of event: Int64) throws -> [Int64] {
        try Int64.fetchAll(
            database,
            cached: """
                SELECT v.seq FROM events e JOIN versions v ON v.adapter = e.adapter AND v.id = e.version
                WHERE e.seq = ?
                """, arguments: [event])
    }
}

/// Tells of a version that is noted and is not here.
struct AbsentVersion {
    let adapter: AdapterID
    let id: VersionID
    /// Of its adapter, as the note has it.
    let name: String
    /// The entries that say it; none if it waited to be published.
    var entries: [EntryHash] = []
}

extension EventTable {
    /// Lists the versions that are noted and not here, those aside whose adapter was erased here.
    static func absentVersions(_ database: Database) throws -> [AbsentVersion] {
        let erased = Set(
            try Row.fetchAll(
                database,
                sql: """
                    SELECT released FROM events WHERE kind = 'release'
                        AND (device IS NULL OR device = (SELECT device FROM identity))
                    """
            ).flatMap { try $0.json("released", as: Released.self).versions })
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT adapter, version, name, entry FROM events WHERE kind = 'version' AND NOT EXISTS (
                    SELECT 1 FROM versions v WHERE v.adapter = events.adapter AND v.id = events.version)
                ORDER BY adapter, version, seq
                """)
        var found: [AbsentVersion] = []
        for row in rows {
            let (adapter, id) = (
                try row.value("adapter", as: AdapterID.self), try row.value("version", as: VersionID.self)
            )
            guard !erased.contains(id) else { continue }
            if found.last?.adapter != adapter || found.last?.id != id {
                found.append(AbsentVersion(adapter: adapter, id: id, name: try row.optional("name") ?? "an adapter"))
            }
            if let entry = try row.optional("entry", as: EntryHash.self) {
                found[found.count - 1].entries.append(entry)
            }
        }
        return found
    }
}

/// Tells what one event says of an adapter as a whole.
struct AdapterWord {
    let place: Precedence
    let name: String?
    let isTrashed: Bool?

    /// After all that was published: the place of what waits to be published here.
    private static let draft = Precedence(lamport: .max, device: .zero, entry: .zero)

    static func last(_ kind: EventKind, of adapter: AdapterID, _ database: Database) throws -> AdapterWord? {
        try fetch(
            kind, of: adapter, database, order: "lamport DESC NULLS FIRST, device DESC, entry DESC, seq DESC")
    }

    static func first(_ kind: EventKind, of adapter: AdapterID, _ database: Database) throws -> AdapterWord? {
        try fetch(kind, of: adapter, database, order: "lamport ASC NULLS LAST, device, entry, seq")
    }

    private static func fetch(
        _ kind: EventKind, of adapter: AdapterID, _ database: Database, order: String
    ) throws -> AdapterWord? {
        try Row.fetchOne(
            database,
            cached: """
                SELECT lamport, device, entry, name, trashed FROM events
                WHERE adapter = ? AND kind = ? AND (name IS NOT NULL OR kind = 'trashed') ORDER BY \(order) LIMIT 1
                """, arguments: [adapter, kind]
        ).map { row in
            let isPublished = try row.optional("lamport", as: Int64.self) != nil
            return AdapterWord(
                place: isPublished ? try row.precedence() : draft, name: try row.optional("name"),
                isTrashed: try row.optional("trashed"))
        }
    }
}
