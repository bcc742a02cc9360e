// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Tells what one entry of a device did here.
package struct DeedRecord: Sendable, Equatable {
    package enum Effect: Sendable, Equatable {
        /// A version, as it is called here now.
        case version(String)
        case head(String)
        case name(adapter: String, name: String)
        case trashed(adapter: String, Bool)
        /// Something that changed no adapter here.
        case other
    }

    package let seq: UInt64
    package let hash: EntryHash
    /// When it came here, by this machine's clock; nil for what came before that was kept, and for own entries.
    package let arrived: Date?
    package let effect: Effect
}

extension EntryTable {
    /// Lists what the entries of a device did here, in order.
    package func deeds(of device: DeviceID) throws -> [DeedRecord] {
        try vault.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT n.seq, n.hash, n.arrived, e.kind AS event, e.name AS said, e.trashed, a.name AS adapter,
                        v.number
                    FROM entries n LEFT JOIN events e ON e.entry = n.hash LEFT JOIN adapters a ON a.id = e.adapter
                        LEFT JOIN versions v ON v.adapter = e.adapter AND v.id = e.version
                    WHERE n.device = ? ORDER BY n.seq
                    """, arguments: [device]
            ).map { row in
                DeedRecord(
                    seq: UInt64(clamping: try row.value("seq", as: Int64.self)), hash: try row.value("hash"),
                    arrived: try row.optional("arrived", as: Int64.self).map { Timestamp.date($0) },
                    effect: try Self.effect(row))
            }
        }
    }

    /// Finds the last entry of a device before the first that came here at `moment` or later; nil if there is none.
    ///
    /// Entries of which the time is not known came before those of which it is.
    package func last(of device: DeviceID, before moment: Date) throws -> LogPosition? {
        try vault.read { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT seq, hash FROM entries WHERE device = :device AND seq < COALESCE(
                        (SELECT MIN(seq) FROM entries WHERE device = :device AND arrived >= :moment), 1 << 62)
                    ORDER BY seq DESC LIMIT 1
                    """, arguments: ["device": device, "moment": Timestamp.milliseconds(moment)]
            ).map { try $0.position() }
        }
    }

    private static func effect(_ row: Row) throws -> DeedRecord.Effect {
        guard let adapter = try row.optional("adapter", as: String.self) else { return .other }
        let number = try row.optional("number", as: Int.self)
        switch try row.optional("event", as: EventKind.self) {
        case .version: return .version(number.map { "\(adapter)@\($0)" } ?? adapter)
        case .head: return .head(number.map { "\(adapter)@\($0)" } ?? adapter)
        case .name: return .name(adapter: adapter, name: try row.value("said"))
        case .trashed: return .trashed(adapter: adapter, try row.value("trashed"))
        case .release, nil: return .other
        }
    }
}
