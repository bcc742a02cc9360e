// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension EntryTable {
    /// Tells what a person has of an adapter.
    private struct Shown {
        let name: String
        let isTrashed: Bool
        let head: VersionID?
        let versions: Set<VersionID>
    }

    /// Gives adapters the names, heads and places that they would have without the later entries of a device,
    /// as changes by this device, which the others follow.
    ///
    /// The entries themselves go on counting. Versions that only they brought go to the trash here. Each change can be
    /// undone.
    ///
    /// - Parameter seq: the last of its entries that is not undone.
    /// - Returns: what was done, in words.
    package func undo(of device: DeviceID, after seq: UInt64) throws -> [String] {
        try vault.write { database in
            let before = try Self.shown(database)
            var wanted: [AdapterID: Shown] = [:]
            // What there would be is found by the rule for entries that do not count.
            try database.inSavepoint {
                _ = try cutOff(database, device, after: Int64(clamping: seq))
                wanted = try Self.shown(database)
                return .rollback
            }
            var done: [String] = []
            for (adapter, now) in before.sorted(by: { $0.value.name < $1.value.name }) {
                done += try change(database, adapter, from: now, to: wanted[adapter])
            }
            return done
        }
    }

    private static func shown(_ database: Database) throws -> [AdapterID: Shown] {
        var result: [AdapterID: Shown] = [:]
        for row in try AdapterTable.rows(database) {
            let id = try row.value("id", as: AdapterID.self)
            let versions = try VersionTable.select(database, "v.adapter = ? AND v.trashed = 0", [id])
            let head = try row.optional("head", as: Int64.self)
            result[id] = Shown(
                name: try row.value("name"), isTrashed: try row.value("trashed"),
                head: versions.first { $0.row == head }?.id, versions: Set(versions.map(\.id)))
        }
        return result
    }

    private func change(_ database: Database, _ adapter: AdapterID, from now: Shown, to wanted: Shown?) throws
        -> [String]
    {
        let subject = adapter.description
        var done: [String] = []
        func note(_ kind: OperationRecord.Kind, _ text: String, _ reversal: Reversal) throws {
            try vault.journal.note(database, kind, text, subject: subject, reversal: reversal)
            done.append(text)
        }
        let isTrashed = wanted?.isTrashed ?? true
        if now.isTrashed, !isTrashed {
            let name = try vault.adapters.freeName(database, wanted?.name ?? now.name, for: adapter, besides: "")
            try AdapterTable.setShownName(database, adapter, to: name)
            try vault.trash.setTrashed(database, .adapter, subject, false, name: "")
            if name != now.name { try EventTable.noteName(database, adapter) }
            try note(.restore, "restore \(name)", .trash(kind: .adapter, subject: subject))
        } else if !now.isTrashed, isTrashed {
            try vault.trash.setTrashed(database, .adapter, subject, true, name: now.name)
            try note(.trash, "remove \(now.name)", .restore(kind: .adapter, subject: subject))
        } else if let wanted, wanted.name != now.name, !now.isTrashed {
            let name = try vault.adapters.freeName(database, wanted.name, for: adapter, besides: "")
            try AdapterTable.setName(database, adapter, to: name)
            try note(.rename, "rename \(now.name) to \(name)", .rename(adapter: subject, to: now.name))
        }
        guard let wanted, !isTrashed else { return done }
        if let head = wanted.head, head != now.head,
            let target = try VersionTable.select(database, "v.adapter = ? AND v.id = ?", [adapter, head]).first
        {
            let previous = try AdapterTable.head(database, adapter)
            try AdapterTable.setHead(database, adapter, to: target.row)
            try EventTable.noteHead(database, adapter, resolving: true)
            guard let previous else { return done }
            try note(
                .rollback, "point \(target.adapter) at \(target.reference)", .moveHead(adapter: subject, to: previous))
        }
        for id in now.versions.subtracting(wanted.versions) {
            guard
                let version = try VersionTable.select(database, "v.adapter = ? AND v.id = ?", [adapter, id]).first,
                !version.isHead
            else { continue }
            try vault.trash.setTrashed(database, .version, "\(version.row)", true, name: "\(version.reference)")
            try note(
                .trash, "remove \(version.reference)", .restore(kind: .version, subject: "\(version.row)"))
        }
        return done
    }
}
