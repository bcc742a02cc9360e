// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// What other devices say of an adapter as a whole: its name, and whether it lies in the trash.
extension Vault {
    /// The last name counts; one that another adapter has here is shown with the device's name behind it.
    func apply(_ database: Database, _ adapter: Data, name: String, _ context: EntryContext) throws {
        let isLast = try isLast(database, adapter, "name", context)
        try insertEvent(database, adapter, kind: "name", name: name, context: context)
        guard isLast,
            try Row.fetchOne(database, sql: "SELECT id FROM adapters WHERE id = ?", arguments: [adapter]) != nil
        else { return }
        let free = try freeName(database, name, for: adapter, context)
        try database.execute(sql: "UPDATE adapters SET name = ? WHERE id = ?", arguments: [free, adapter])
    }

    func apply(_ database: Database, _ adapter: Data, trashed: Bool, _ context: EntryContext) throws {
        let isLast = try isLast(database, adapter, "trashed", context)
        try insertEvent(database, adapter, kind: "trashed", trashed: trashed, context: context)
        guard isLast,
            let row = try Row.fetchOne(database, sql: "SELECT * FROM adapters WHERE id = ?", arguments: [adapter]),
            try row.value("trashed", as: Bool.self) != trashed
        else { return }
        let name = try row.value("name", as: String.self)
        if !trashed {
            let free = try freeName(database, name, for: adapter, context)
            try database.execute(sql: "UPDATE adapters SET name = ? WHERE id = ?", arguments: [free, adapter])
        }
        try setTrashed(database, .adapter, Hex.encode(adapter), trashed, name: name, isLocal: false)
        try advance(database, adapter)
    }

    /// True if no later event of this kind is known; equal lamport numbers are decided by the device's id.
    private func isLast(_ database: Database, _ adapter: Data, _ kind: String, _ context: EntryContext) throws -> Bool {
        try Bool.fetchOne(
            database,
            sql: """
                SELECT NOT EXISTS (SELECT 1 FROM events WHERE adapter = ? AND kind = ?
                    AND (entry IS NULL OR lamport > ? OR lamport = ? AND device > ?))
                """,
            arguments: [
                adapter, kind, Int64(clamping: context.lamport), Int64(clamping: context.lamport), Data(context.device),
            ]) ?? false
    }

    /// `name`, or where another live adapter has it `name-DEVICE`, or `name-DEVICE-2` and so on.
    func freeName(_ database: Database, _ name: String, for adapter: Data, _ context: EntryContext) throws -> String {
        let wanted = AdapterName.normalized(name) ?? "adapter"
        let device = String(
            context.deviceName.precomposedStringWithCanonicalMapping.map {
                $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" ? $0 : "-"
            }.prefix(24))
        let stem = "\(wanted.prefix(32))-\(device.isEmpty ? "device" : device)"
        for attempt in 0..<1000 {
            let candidate = attempt == 0 ? wanted : attempt == 1 ? stem : "\(stem)-\(attempt)"
            let taken =
                try Bool.fetchOne(
                    database,
                    sql: "SELECT EXISTS (SELECT 1 FROM adapters WHERE name = ? AND trashed = 0 AND id <> ?)",
                    arguments: [candidate, adapter]) ?? true
            if !taken, AdapterName.normalized(candidate) != nil { return candidate }
        }
        throw VaultError.badVersion("its name is taken too often")
    }
}
