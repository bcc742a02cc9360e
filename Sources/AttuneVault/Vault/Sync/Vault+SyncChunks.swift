// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Which versions of an adapter a device keeps the bytes of, beside those it made itself.
package enum PinPolicy: String, Sendable, CaseIterable, DatabaseValueConvertible {
    /// Every version.
    case all
    /// The heads; what is used unless a person says otherwise.
    case heads
    /// None by itself: bytes come when they are asked for.
    case none
}

extension Vault {
    /// Ids of chunks that are wanted and not here, at most `limit`: those of one version together.
    ///
    /// Of each device's versions the newest come first, and devices take turns by how many chunks each has had: so
    /// what one device names and nobody has holds up no other's.
    package func wantedChunks(limit: Int) throws -> [ChunkID] {
        try read { database in
            var turns = Turns<String, BlobID>()
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT b.id, COALESCE(hex(c.device), '') AS device, MAX(c.lamport) AS lamport,
                        (SELECT COUNT(*) FROM chunks k WHERE k.blob = b.id) AS count
                    FROM blobs b LEFT JOIN claims c ON c.blob = b.id
                    WHERE b.state = \(BlobState.remote) AND b.wanted = 1 GROUP BY b.id ORDER BY lamport, b.id
                    """)
            while let row = try rows.next() {
                turns.add(try row.value("id"), of: try row.value("device"), cost: try row.value("count"))
            }
            var result: [ChunkID] = []
            while result.count < limit, let blob = turns.next() {
                let chunks = try Row.fetchCursor(
                    database, sql: "SELECT id FROM chunks WHERE blob = ? ORDER BY position", arguments: [blob])
                while result.count < limit, let row = try chunks.next() {
                    let id = try row.value("id", as: ChunkID.self)
                    if !self.chunks.isHere(id) { result.append(id) }
                }
            }
            return result
        }
    }

    /// Whether a chunk is wanted here, be it here or not.
    package func wantsChunk(_ id: ChunkID) throws -> Bool {
        try read { database in
            try Bool.fetchOne(
                database,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM chunks c JOIN blobs b ON b.id = c.blob
                    WHERE c.id = ? AND b.state = \(BlobState.remote) AND b.wanted = 1)
                    """, arguments: [id]) ?? false
        }
    }

    /// Those of `ids` that are not in the store.
    package func missingChunks(among ids: [ChunkID]) -> [ChunkID] { ids.filter { !chunks.isHere($0) } }

    /// The file of a chunk, whole; nil if it is not here.
    package func chunkPath(_ id: ChunkID) -> String? { chunks.isHere(id) ? folder.chunk(id) : nil }

    /// Bytes of a chunk; nil if it is not here.
    package func chunkSize(_ id: ChunkID) -> Int? { chunks.byteCount(id) }

    /// Keeps a chunk whose bytes have been compared with its id; a blob whose last chunk it is has arrived then.
    ///
    /// - Returns: whether a blob has arrived with it, so that `arrivedVersions` may name more than before.
    /// - Throws: `VaultError` E-VAULT-005 for bytes of another size, E-VAULT-006 (disk full).
    @discardableResult
    package func storeChunk(_ id: ChunkID, _ bytes: [UInt8]) throws -> Bool {
        guard mode == .writing else { throw VaultError.readingOnly }
        guard SealedChunk.isByteCount(bytes.count) else { throw VaultError.damaged("a chunk of another size") }
        // Somebody else who took the lock between two steps would clear the file away as an orphan.
        return try lock.during {
            try chunks.keep(id, bytes)
            let complete = try read { database in
                try Row.fetchAll(
                    database,
                    sql: "SELECT b.id FROM chunks c JOIN blobs b ON b.id = c.blob WHERE c.id = ? AND b.state = ?",
                    arguments: [id, BlobState.remote]
                ).map { try $0.value("id", as: BlobID.self) }
            }.filter { try arrivals.isComplete($0, with: id) { try self.chunksAbsent(of: $0) } }
            for blob in complete { try settle(blob) }
            return !complete.isEmpty
        }
    }

    /// Says for one version that its bytes are wanted here.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023.
    package func want(_ reference: VersionReference) throws {
        try write { database in
            let version = try Self.version(database, reference)
            try database.execute(
                sql: """
                    UPDATE blobs SET wanted = 1
                    WHERE state = \(BlobState.remote) AND id IN (\(Self.candidates("v.seq = :row")))
                    """, arguments: ["row": version.row])
        }
        try settleWhatIsHere()
    }

    /// Sets which versions of an adapter are kept here.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func pin(_ name: String, _ policy: PinPolicy) throws {
        try write { database in
            let adapter = try Self.adapterRow(database, named: name).value("id", as: AdapterID.self)
            try database.execute(
                sql: """
                    INSERT INTO pins (adapter, policy) VALUES (?, ?)
                    ON CONFLICT (adapter) DO UPDATE SET policy = excluded.policy
                    """, arguments: [adapter, policy])
            try database.execute(
                sql: "UPDATE blobs SET wanted = 0 WHERE id IN (\(Self.candidates("v.adapter = :adapter")))",
                arguments: ["adapter": adapter])
            try refreshWanted(database, adapter)
        }
    }

    /// What is kept of an adapter here.
    ///
    /// - Throws: `VaultError` E-VAULT-020.
    package func pinPolicy(of name: String) throws -> PinPolicy {
        try read { database in
            try Self.policy(database, try Self.adapterRow(database, named: name).value("id", as: AdapterID.self))
        }
    }

    /// Most bytes of a version of another device that are fetched by themselves: what a person has set, or an eighth of
    /// the memory that this process may have, as looking at one takes up to three times its largest tensor and using it twice its bytes.
    package func largestFetched() throws -> Int { try read(Self.largestFetched) }

    /// Sets that; nil for what memory allows.
    package func setLargestFetched(_ bytes: Int?) throws {
        try setSetting(Self.largestKey, to: bytes.map(String.init))
        try write { database in
            try database.execute(
                sql: "UPDATE blobs SET wanted = 0 WHERE state = \(BlobState.remote) AND size > ?",
                arguments: [try Self.largestFetched(database)])
            for adapter in try AdapterID.fetchAll(database, sql: "SELECT id FROM adapters") {
                try refreshWanted(database, adapter)
            }
        }
        try settleWhatIsHere()
    }

    private static let largestKey = "sync.largest"

    private static func largestFetched(_ database: Database) throws -> Int {
        let text = try String.fetchOne(
            database, cached: "SELECT value FROM settings WHERE key = ?", arguments: [largestKey])
        return text.flatMap { Int($0) } ?? Room.all / 8
    }

    /// Says which bytes are wanted of the versions of an adapter that are not here.
    ///
    /// - Parameter rows: the versions of which that may be otherwise than it was; nil for all. Where there are many
    ///   heads, looking at all of them for each that comes takes long.
    func refreshWanted(_ database: Database, _ adapter: AdapterID, of rows: [Int64]? = nil) throws {
        guard rows?.isEmpty != true else { return }
        let largest = try Self.largestFetched(database)
        let policy = try Self.policy(database, adapter)
        guard policy != .none else { return }
        let among = "v.adapter = :adapter" + (rows == nil ? "" : " AND v.seq = :row")
        let isTip = """
            EXISTS (SELECT 1 FROM events t WHERE t.adapter = v.adapter AND t.version = v.id AND t.tip = 1)
            """
        func each(_ sql: String, _ arguments: StatementArguments) throws {
            for row in rows.map({ $0.map(Optional.some) }) ?? [nil] {
                let of: StatementArguments = row.map { ["row": $0] } ?? [:]
                try database.execute(cached: sql, arguments: arguments &+ ["adapter": adapter] &+ of)
            }
        }
        let kept = policy == .all ? among : "\(among) AND \(isTip)"
        try each(
            """
            UPDATE blobs SET wanted = 1
            WHERE state = \(BlobState.remote) AND wanted = 0 AND size <= :largest AND id IN (\(Self.candidates(kept)))
            """, ["largest": largest])
        guard policy == .heads else { return }
        // Heads of before that never came are not worth their bytes any more.
        let other = "\(among) AND NOT \(isTip) AND v.seq IS NOT (SELECT head FROM adapters WHERE id = :adapter)"
        try each(
            """
            UPDATE blobs SET wanted = 0
            WHERE state = \(BlobState.remote) AND wanted = 1 AND id IN (\(Self.candidates(other)))
            """, [:])
    }

    private static func policy(_ database: Database, _ adapter: AdapterID) throws -> PinPolicy {
        let own = try String.fetchOne(
            database, cached: "SELECT policy FROM pins WHERE adapter = ?", arguments: [adapter])
        let general = try String.fetchOne(database, cached: "SELECT value FROM settings WHERE key = 'sync.keep'")
        return (own ?? general).flatMap(PinPolicy.init(rawValue:)) ?? .heads
    }
}
