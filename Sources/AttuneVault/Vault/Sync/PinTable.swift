// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Says which versions of an adapter a device keeps the bytes of, beside those it made itself.
package enum PinPolicy: String, Sendable, CaseIterable, DatabaseValueConvertible {
    /// Every version.
    case all
    /// The heads; what is used unless a person says otherwise.
    case heads
    /// None by itself: bytes come when they are asked for.
    case none
}

/// Keeps which versions' bytes are wanted here: what a person has set for each adapter, and what follows from it.
package struct PinTable: Sendable {
    let vault: Vault

    /// Sets which versions of an adapter are kept here.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func set(_ name: String, _ policy: PinPolicy) throws {
        try vault.write { database in
            let adapter = try AdapterTable.row(database, named: name).value("id", as: AdapterID.self)
            try database.execute(
                sql: """
                    INSERT INTO pins (adapter, policy) VALUES (?, ?)
                    ON CONFLICT (adapter) DO UPDATE SET policy = excluded.policy
                    """, arguments: [adapter, policy])
            try database.execute(
                sql: "UPDATE blobs SET wanted = 0 WHERE id IN (\(ClaimTable.candidates("v.adapter = :adapter")))",
                arguments: ["adapter": adapter])
            try Self.refreshWanted(database, adapter)
        }
    }

    /// Reads what is kept of an adapter here.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func policy(of name: String) throws -> PinPolicy {
        try vault.read { database in
            try Self.policy(database, try AdapterTable.row(database, named: name).value("id", as: AdapterID.self))
        }
    }

    /// Limits the bytes of a version of another device that are fetched by themselves: what a person has set, or an
    /// eighth of the memory that this process may have, as looking at one takes up to three times its largest tensor and
    /// using it twice its bytes.
    package func largestFetched() throws -> Int { try vault.read(Self.largestFetched) }

    /// Sets that; nil for what memory allows.
    package func setLargestFetched(_ bytes: Int?) throws {
        try vault.settings.set(Self.largestKey, to: bytes.map(String.init))
        try vault.write { database in
            try Self.setWanted(database, false, "size > ?", [try Self.largestFetched(database)])
            for adapter in try AdapterTable.ids(database) { try Self.refreshWanted(database, adapter) }
        }
        try vault.blobs.settleWhatIsHere()
    }
}

extension PinTable {
    private static let largestKey = "sync.largest"

    private static func largestFetched(_ database: Database) throws -> Int {
        try SettingTable.value(database, of: largestKey).flatMap { Int($0) } ?? Room.all / 8
    }

    /// Says of blobs that are not here and meet a condition whether they are wanted.
    static func setWanted(
        _ database: Database, _ isWanted: Bool, _ condition: String, _ arguments: StatementArguments
    ) throws {
        try database.execute(
            cached: "UPDATE blobs SET wanted = \(isWanted ? 1 : 0) WHERE state = \(BlobState.remote) AND \(condition)",
            arguments: arguments)
    }

    /// Says which bytes are wanted of the versions of an adapter that are not here.
    ///
    /// - Parameter rows: the versions of which that may be otherwise than it was; nil for all. Where there are many
    ///   heads, looking at all of them for each that comes takes long.
    static func refreshWanted(_ database: Database, _ adapter: AdapterID, of rows: [Int64]? = nil) throws {
        guard rows?.isEmpty != true else { return }
        let largest = try Self.largestFetched(database)
        let policy = try Self.policy(database, adapter)
        guard policy != .none else { return }
        let among = "v.adapter = :adapter" + (rows == nil ? "" : " AND v.seq = :row")
        let isTip = """
            EXISTS (SELECT 1 FROM events t WHERE t.adapter = v.adapter AND t.version = v.id AND t.tip = 1)
            """
        func each(_ isWanted: Bool, _ condition: String, _ arguments: StatementArguments) throws {
            for row in rows.map({ $0.map(Optional.some) }) ?? [nil] {
                let of: StatementArguments = row.map { ["row": $0] } ?? [:]
                try Self.setWanted(database, isWanted, condition, arguments &+ ["adapter": adapter] &+ of)
            }
        }
        let kept = policy == .all ? among : "\(among) AND \(isTip)"
        try each(
            true, "wanted = 0 AND size <= :largest AND id IN (\(ClaimTable.candidates(kept)))", ["largest": largest])
        guard policy == .heads else { return }
        // Heads of before that never came are not worth their bytes any more.
        let other = "\(among) AND NOT \(isTip) AND v.seq IS NOT (SELECT head FROM adapters WHERE id = :adapter)"
        try each(false, "wanted = 1 AND id IN (\(ClaimTable.candidates(other)))", [:])
    }

    private static func policy(_ database: Database, _ adapter: AdapterID) throws -> PinPolicy {
        let own = try String.fetchOne(
            database, cached: "SELECT policy FROM pins WHERE adapter = ?", arguments: [adapter])
        let general = try SettingTable.value(database, of: "sync.keep")
        return (own ?? general).flatMap(PinPolicy.init(rawValue:)) ?? .heads
    }
}
