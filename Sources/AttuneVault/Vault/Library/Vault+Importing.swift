// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// The id of the adapter that a version belongs to, the same on all devices of the circle.
    package func adapterID(of version: VersionRecord) -> AdapterID { version.wireAdapter }

    /// All versions that a version was made from, over as many steps as are known here, the nearest first.
    package func ancestors(of version: VersionRecord, limit: Int) throws -> [VersionID] {
        try read { database in
            let known = try Self.versions(database, "v.adapter = ?", [version.adapterID])
            let parents = Dictionary(known.map { ($0.id, $0.parents) }, uniquingKeysWith: { first, _ in first })
            var seen: Set<VersionID> = [version.id]
            var result: [VersionID] = []
            var next = version.parents
            while !next.isEmpty, result.count < limit {
                let fresh = next.filter { seen.insert($0).inserted }
                result += fresh
                next = fresh.flatMap { parents[$0] ?? [] }
            }
            return Array(result.prefix(limit))
        }
    }

    /// Takes in a version that another device of the circle put into a file, as the version that it is there.
    ///
    /// Adapter and version keep their ids, so the same version coming by sync is not a second one. The name moves if
    /// the version was made from the one it points at, over any number of steps; else both are heads. One that a version
    /// here was made from is history, and changes no head.
    ///
    /// - Parameters:
    ///   - deviceName: shown behind the name where another adapter has it.
    ///   - ancestors: all versions before it that the other device knows.
    /// - Throws: `VaultError` E-VAULT-053, E-VAULT-006.
    package func importVersion(
        adapter: AdapterID, name: String, base: BaseID, deviceName: String,
        ancestors: [VersionID] = [], _ version: NewVersion
    ) throws -> VersionRecord {
        try requireWriting()
        let id = try Self.versionID(manifest: version.manifest, content: version.content)
        let key = try read { try Self.localAdapter($0, adapter, base: base) }
        let known = try read { try Self.versions($0, "v.adapter = ? AND v.id = ?", [key, id]).first }
        if let known, known.state == .here { return known }
        let blob = try chunks.store(version.content)
        let (record, unused) = try keeping(blob) { database in
            try self.insertImported(database, adapter, name, base, deviceName, Set(ancestors), version, id, blob)
        }
        chunks.remove(unused)
        return record
    }

    private func insertImported(
        _ database: Database, _ wire: AdapterID, _ name: String, _ base: BaseID, _ deviceName: String,
        _ ancestors: Set<VersionID>, _ version: NewVersion, _ id: VersionID, _ blob: StoredBlob
    ) throws -> (VersionRecord, unused: [ChunkID]) {
        try blob.insert(database)
        let adapter = try Self.localAdapter(database, wire, base: base)
        if let known = try Self.versions(database, "v.adapter = ? AND v.id = ?", [adapter, id]).first {
            // Only its record was here: the bytes of the file take the place of those that were to be fetched.
            try database.execute(
                sql: "UPDATE versions SET blob = ? WHERE seq = ?", arguments: [blob.id, known.row])
            try dropRivals(database, ofVersion: known.row)
            let unused = try StoredBlob.release(database, id: known.blob)
            guard let record = try Self.version(database, row: known.row) else { throw VaultError.noVersion(name) }
            return (record, unused)
        }
        let row = try Row.fetchOne(database, sql: "SELECT * FROM adapters WHERE id = ?", arguments: [adapter])
        if row == nil {
            let free = try freeName(database, name, for: adapter, besides: deviceName)
            try insertAdapter(
                database, wire: wire, local: adapter, name: free, base: base, created: Timestamp.milliseconds(now()))
        }
        let head = try row?.optional("head", as: Int64.self).flatMap { try Self.version(database, row: $0) }
        let inserted = try insertVersion(
            database, adapterID: adapter, id: id, blob: blob.id, manifest: version.manifest, parents: version.parents,
            run: nil, lossBefore: version.lossBefore, lossAfter: version.lossAfter)
        let before = ancestors.union(version.parents)
        let isHistory = try Self.versions(database, "v.adapter = ?", [adapter]).contains { $0.parents.contains(id) }
        if head.map({ before.contains($0.id) }) ?? true { try setHead(database, adapter, to: inserted) }
        if try !isHistory && Self.isInCircle(database) {
            let events = try version.parents.compactMap { parent in
                try Int64.fetchOne(
                    database, sql: "SELECT MAX(seq) FROM events WHERE adapter = ? AND version = ?",
                    arguments: [adapter, parent])
            }
            let tips = try Self.tips(database, adapter).filter { before.contains($0.version) }.map(\.event)
            try insertEvent(
                database, adapter, kind: .version, version: id, name: name,
                parents: tips + events.filter { !tips.contains($0) })
        }
        let subject = adapter.description
        guard let record = try Self.version(database, row: inserted) else { throw VaultError.noVersion(name) }
        try log(
            database, .addVersion, "import \(record.reference)", subject: subject,
            reversal: .removeVersion(adapter: subject, version: inserted, head: head?.row))
        return (record, [])
    }
}
