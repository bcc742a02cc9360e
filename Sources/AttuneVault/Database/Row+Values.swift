// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Columns as values. GRDB's own subscripts trap on a value of another kind; these throw.
extension Row {
    /// - Throws: `VaultError` E-VAULT-005 if the column holds another kind of value.
    func value<Value: DatabaseValueConvertible>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        guard let value = try optional(column, as: type) else { throw VaultError.damaged("an empty \(column)") }
        return value
    }

    /// Nil for NULL.
    func optional<Value: DatabaseValueConvertible>(
        _ column: String, as type: Value.Type = Value.self
    ) throws -> Value? {
        guard hasColumn(column) else { throw VaultError.damaged("no column \(column)") }
        let stored: DatabaseValue = self[column]
        guard !stored.isNull else { return nil }
        guard let value = Value.fromDatabaseValue(stored) else { throw VaultError.damaged("an unreadable \(column)") }
        return value
    }

    func bytes(_ column: String) throws -> [UInt8] { [UInt8](try value(column, as: Data.self)) }

    /// UTF-8 bytes as text, zero bytes included.
    func text(_ column: String) throws -> String {
        guard let text = String(validating: try value(column, as: Data.self), as: UTF8.self) else {
            throw VaultError.damaged("an unreadable \(column)")
        }
        return text
    }

    func date(_ column: String) throws -> Date { Timestamp.date(try value(column)) }

    /// A value that is kept as JSON text.
    func json<Value: Decodable>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        let text = try value(column, as: String.self)
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw VaultError.damaged("an unreadable \(column)", cause: error)
        }
    }

    /// The place of an entry in its device's log.
    func position() throws -> LogPosition {
        LogPosition(seq: UInt64(clamping: try value("seq", as: Int64.self)), hash: try value("hash"))
    }

    /// The place of what a published entry says.
    func precedence() throws -> Precedence {
        Precedence(
            lamport: UInt64(clamping: try value("lamport", as: Int64.self)), device: try value("device"),
            entry: try value("entry"))
    }
}

// Kinds and states are kept as their raw values.
extension EventKind: DatabaseValueConvertible {}
extension EntryState: DatabaseValueConvertible {}
extension BlobState: DatabaseValueConvertible {}
extension BlobCodec: DatabaseValueConvertible {}

/// Runs are kept as the digits of their ids.
extension RunID: DatabaseValueConvertible {
    package var databaseValue: DatabaseValue { description.databaseValue }

    package static func fromDatabaseValue(_ value: DatabaseValue) -> RunID? {
        String.fromDatabaseValue(value).map { RunID($0) }
    }
}

/// Ids are kept as their bytes.
extension Identifier: DatabaseValueConvertible {
    package var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    package static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Data.fromDatabaseValue(value).flatMap { Self($0) }
    }
}

/// The JSON text of `value`, keys sorted.
func storedJSON(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
