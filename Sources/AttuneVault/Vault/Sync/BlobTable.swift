// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Fetches the bytes of versions of other devices: which chunks are wanted, and what came of those that arrived.
package struct BlobTable: Sendable {
    let vault: Vault

    /// Lists chunks that are wanted and not here, at most `limit`: those of one version together.
    ///
    /// Of each device's versions the newest come first, and devices take turns by how many chunks each has had: so
    /// what one device names and nobody has holds up no other's.
    package func wantedChunks(limit: Int) throws -> [ChunkID] {
        try vault.read { database in
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
                    if !vault.chunks.isHere(id) { result.append(id) }
                }
            }
            return result
        }
    }

    /// True if a chunk is wanted here, be it here or not.
    package func wantsChunk(_ id: ChunkID) throws -> Bool {
        try vault.read { database in
            try Bool.fetchOne(
                database,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM chunks c JOIN blobs b ON b.id = c.blob
                    WHERE c.id = ? AND b.state = \(BlobState.remote) AND b.wanted = 1)
                    """, arguments: [id]) ?? false
        }
    }

    /// Picks those of `ids` that are not in the store.
    package func missingChunks(among ids: [ChunkID]) -> [ChunkID] { ids.filter { !vault.chunks.isHere($0) } }

    /// Names the file of a chunk, whole; nil if it is not here.
    package func chunkPath(_ id: ChunkID) -> String? { vault.chunks.isHere(id) ? vault.folder.chunk(id) : nil }

    /// Counts the bytes of a chunk; nil if it is not here.
    package func chunkSize(_ id: ChunkID) -> Int? { vault.chunks.byteCount(id) }

    /// Keeps a chunk whose bytes have been compared with its id; a blob whose last chunk it is has arrived then.
    ///
    /// - Returns: whether a blob has arrived with it, so that `arrivedVersions` may name more than before.
    /// - Throws: `VaultError` E-VAULT-005 for bytes of another size, E-VAULT-006 (disk full).
    @discardableResult
    package func storeChunk(_ id: ChunkID, _ bytes: [UInt8]) throws -> Bool {
        guard vault.mode == .writing else { throw VaultError.readingOnly }
        guard SealedChunk.isByteCount(bytes.count) else { throw VaultError.damaged("a chunk of another size") }
        // Somebody else who took the lock between two steps would clear the file away as an orphan.
        return try vault.lock.during {
            try vault.chunks.keep(id, bytes)
            let complete = try vault.read { database in
                try Row.fetchAll(
                    database,
                    sql: "SELECT b.id FROM chunks c JOIN blobs b ON b.id = c.blob WHERE c.id = ? AND b.state = ?",
                    arguments: [id, BlobState.remote]
                ).map { try $0.value("id", as: BlobID.self) }
            }.filter { try vault.arrivals.isComplete($0, with: id) { try self.chunksAbsent(of: $0) } }
            for blob in complete { try settle(blob) }
            return !complete.isEmpty
        }
    }

    /// Says for one version that its bytes are wanted here.
    ///
    /// - Throws: `VaultError` E-VAULT-020, E-VAULT-023.
    package func want(_ reference: VersionReference) throws {
        try vault.write { database in
            let version = try VersionTable.fetch(database, reference)
            try PinTable.setWanted(
                database, true, "id IN (\(ClaimTable.candidates("v.seq = :row")))", ["row": version.row])
        }
        try settleWhatIsHere()
    }
}
