// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension VersionTable {
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
    package func addImported(
        adapter: AdapterID, name: String, base: BaseID, deviceName: String,
        ancestors: [VersionID] = [], _ version: NewVersion
    ) throws -> VersionRecord {
        try vault.requireWriting()
        let id = try Self.id(manifest: version.manifest, content: version.content)
        let key = try vault.read { try AdapterTable.local($0, adapter, base: base) }
        let known = try vault.read { try Self.select($0, "v.adapter = ? AND v.id = ?", [key, id]).first }
        if let known, known.state == .here { return known }
        let blob = try vault.chunks.store(version.content)
        let (record, unused) = try vault.keeping(blob) { database in
            try insertImported(database, adapter, name, base, deviceName, Set(ancestors), version, id, blob)
        }
        vault.chunks.remove(unused)
        return record
    }

    private func insertImported(
        _ database: Database, _ wire: AdapterID, _ name: String, _ base: BaseID, _ deviceName: String,
        _ ancestors: Set<VersionID>, _ version: NewVersion, _ id: VersionID, _ blob: StoredBlob
    ) throws -> (VersionRecord, unused: [ChunkID]) {
        try blob.insert(database)
        let adapter = try AdapterTable.local(database, wire, base: base)
        if let known = try Self.select(database, "v.adapter = ? AND v.id = ?", [adapter, id]).first {
            // Only its record was here: the bytes of the file take the place of those that were to be fetched.
            try database.execute(
                sql: "UPDATE versions SET blob = ? WHERE seq = ?", arguments: [blob.id, known.row])
            try ClaimTable.dropRivals(database, ofVersion: known.row)
            let unused = try StoredBlob.release(database, id: known.blob)
            guard let record = try Self.fetch(database, row: known.row) else { throw VaultError.noVersion(name) }
            return (record, unused)
        }
        let row = try AdapterTable.row(database, adapter)
        if row == nil {
            let free = try vault.adapters.freeName(database, name, for: adapter, besides: deviceName)
            try AdapterTable.insert(
                database, wire: wire, local: adapter, name: free, base: base,
                created: Timestamp.milliseconds(vault.now()))
        }
        let head = try row?.optional("head", as: Int64.self).flatMap { try Self.fetch(database, row: $0) }
        let inserted = try insert(
            database, adapterID: adapter, id: id, blob: blob.id, manifest: version.manifest, parents: version.parents,
            run: nil, lossBefore: version.lossBefore, lossAfter: version.lossAfter)
        let before = ancestors.union(version.parents)
        let isHistory = try Self.select(database, "v.adapter = ?", [adapter]).contains { $0.parents.contains(id) }
        if head.map({ before.contains($0.id) }) ?? true { try AdapterTable.setHead(database, adapter, to: inserted) }
        if try !isHistory && CircleTable.isMember(database) {
            let events = try version.parents.compactMap { try EventTable.newest(database, adapter, $0) }
            let tips = try EventTable.tips(database, adapter).filter { before.contains($0.version) }.map(\.event)
            try EventTable.insert(
                database, adapter, kind: .version, version: id, name: name,
                parents: tips + events.filter { !tips.contains($0) })
        }
        let subject = adapter.description
        guard let record = try Self.fetch(database, row: inserted) else { throw VaultError.noVersion(name) }
        try vault.journal.note(
            database, .addVersion, "import \(record.reference)", subject: subject,
            reversal: .removeVersion(adapter: subject, version: inserted, head: head?.row))
        return (record, [])
    }
}
