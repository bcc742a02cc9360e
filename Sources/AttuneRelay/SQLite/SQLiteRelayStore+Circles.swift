// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import GRDB

extension SQLiteRelayStore {
    package func createCircle(_ circle: Digest256, genesis: StoredLink, invite: String?) async throws -> Bool {
        let now = now()
        do {
            return try await commits.commit { database in
                guard try CircleRow.find(circle, in: database) == nil else { return false }
                if let invite {
                    try database.execute(
                        sql: "UPDATE invites SET used = ? WHERE hash = ? AND used IS NULL",
                        arguments: [now, Data(InviteToken.hash(invite).bytes)])
                    guard database.changesCount == 1 else { throw RelayError.inviteRequired }
                }
                try database.execute(
                    sql: "INSERT INTO circles (id, created, link_seq, link) VALUES (?, ?, ?, ?)",
                    arguments: [Data(circle.bytes), now, Int64(genesis.seq), Data(genesis.hash.bytes)])
                try Self.insert(genesis, circle: database.lastInsertedRowID, in: database)
                return true
            }
        } catch {
            throw Self.translated(error)
        }
    }

    package func linkHead(of circle: Digest256) async throws -> LinkHead? {
        do {
            return try await pool.read { database in
                try CircleRow.find(circle, in: database).map { LinkHead(seq: $0.linkSeq, hash: $0.link) }
            }
        } catch {
            throw Self.translated(error)
        }
    }

    package func links(of circle: Digest256, after: UInt64) async throws -> [StoredLink] {
        try await read(circle) { database, row in
            let rows = try Row.fetchAll(
                database, sql: "SELECT seq, hash, bytes FROM links WHERE circle = ? AND seq > ? ORDER BY seq",
                arguments: [row.number, Int64(clamping: after)])
            return rows.compactMap { row in
                Digest256(row["hash"] as Data).map {
                    StoredLink(seq: UInt64(row["seq"] as Int64), hash: $0, bytes: Array(row["bytes"] as Data))
                }
            }
        }
    }

    package func appendLinks(_ links: [StoredLink], to circle: Digest256, after: Digest256) async throws -> Bool {
        try await change(circle) { database, row in
            guard row.link == after, let last = links.last else { return false }
            for link in links { try Self.insert(link, circle: row.number, in: database) }
            try database.execute(
                sql: "UPDATE circles SET link_seq = ?, link = ? WHERE number = ?",
                arguments: [Int64(last.seq), Data(last.hash.bytes), row.number])
            return true
        }
    }

    private static func insert(_ link: StoredLink, circle: Int64, in database: Database) throws {
        try database.execute(
            sql: "INSERT INTO links (circle, seq, hash, bytes) VALUES (?, ?, ?, ?)",
            arguments: [circle, Int64(link.seq), Data(link.hash.bytes), Data(link.bytes)])
    }

    package func deleteCircle(_ circle: Digest256) async throws {
        let files = files
        try await change(circle) { database, row in
            let own = try Data.fetchAll(
                database,
                sql: """
                    SELECT id FROM chunks AS mine WHERE circle = ?
                    AND NOT EXISTS (SELECT 1 FROM chunks WHERE id = mine.id AND circle <> mine.circle)
                    """, arguments: [row.number])
            try database.execute(sql: "DELETE FROM circles WHERE number = ?", arguments: [row.number])
            // Inside the transaction: an upload of the same chunk by another circle looks for its file in its own.
            for id in own.compactMap({ Digest256($0) }) { files.remove(id) }
        }
    }

    package func frontier(of circle: Digest256) async throws -> StoredFrontier {
        let circleBytes = rules.circleBytes
        return try await read(circle) { database, row in
            let rows = try Row.fetchAll(
                database, sql: "SELECT device, seq, hash FROM heads WHERE circle = ? ORDER BY device",
                arguments: [row.number])
            let heads = rows.compactMap { row -> StoredFrontier.Head? in
                guard let device = DeviceID(row["device"] as Data), let entry = Digest256(row["hash"] as Data) else {
                    return nil
                }
                return StoredFrontier.Head(device: device, seq: UInt64(row["seq"] as Int64), entry: entry)
            }
            return StoredFrontier(
                heads: heads, link: LinkHead(seq: row.linkSeq, hash: row.link), entries: row.entries,
                bytesUsed: row.bytes, bytesLimit: row.quota ?? circleBytes)
        }
    }
}
