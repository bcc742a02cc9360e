// Attune
// SPDX-License-Identifier: Apache-2.0

import GRDB

/// Keeps settings: texts under keys.
package struct SettingTable: Sendable {
    let vault: Vault

    /// Reads a setting; nil if it was never set.
    package func value(of key: String) throws -> String? { try vault.read { try Self.value($0, of: key) } }

    /// Reads all settings by key.
    package func all() throws -> [String: String] {
        try vault.read { database in
            try Row.fetchAll(database, sql: "SELECT key, value FROM settings").reduce(into: [:]) {
                $0[try $1.value("key", as: String.self)] = try $1.value("value")
            }
        }
    }

    /// Sets a setting, or forgets it if `value` is nil.
    package func set(_ key: String, to value: String?) throws {
        try vault.write { try Self.set($0, key, to: value) }
    }
}

extension SettingTable {
    static func value(_ database: Database, of key: String) throws -> String? {
        try String.fetchOne(database, cached: "SELECT value FROM settings WHERE key = ?", arguments: [key])
    }

    static func set(_ database: Database, _ key: String, to value: String?) throws {
        if let value {
            try database.execute(
                sql: """
                    INSERT INTO settings (key, value) VALUES (?, ?)
                    ON CONFLICT (key) DO UPDATE SET value = excluded.value
                    """, arguments: [key, value])
        } else {
            try database.execute(sql: "DELETE FROM settings WHERE key = ?", arguments: [key])
        }
    }
}
