// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

extension Vault {
    /// A setting that is kept in the store; nil if it was never set.
    package func setting(_ key: String) throws -> String? {
        try read { try String.fetchOne($0, sql: "SELECT value FROM settings WHERE key = ?", arguments: [key]) }
    }

    /// All settings by key.
    package func settings() throws -> [String: String] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT key, value FROM settings").reduce(into: [:]) {
                $0[try $1.value("key", as: String.self)] = try $1.value("value")
            }
        }
    }

    /// Sets a setting, or forgets it when `value` is nil.
    package func setSetting(_ key: String, to value: String?) throws {
        try write { database in
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
}
