// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

extension SQLRelayStore {
    package func createCircle(_ circle: Digest256, genesis: StoredLink, invite: String?) async throws -> Bool {
        let now = now()
        return try await database.write(circle) { session in
            guard try CircleRow.find(circle, in: session) == nil else { return false }
            if let invite {
                let used = try session.run(
                    "UPDATE invites SET used = $1 WHERE hash = $2 AND used IS NULL",
                    [.int(now), .digest(InviteToken.hash(invite))])
                guard used == 1 else { throw RelayError.inviteRequired }
            }
            let number = try session.number(
                "INSERT INTO circles (id, created, link_seq, link) VALUES ($1, $2, $3, $4) RETURNING number",
                [.digest(circle), .int(now), .count(genesis.seq), .digest(genesis.hash)])
            try Self.insert(genesis, circle: number, in: session)
            return true
        }
    }

    package func linkHead(of circle: Digest256) async throws -> LogPosition? {
        try await database.read { session in
            try CircleRow.find(circle, in: session).map { LogPosition(seq: $0.linkSeq, hash: $0.link) }
        }
    }

    package func links(of circle: Digest256, after: UInt64) async throws -> [StoredLink] {
        try await read(circle) { session, row in
            try session.rows(
                "SELECT seq, hash, bytes FROM links WHERE circle = $1 AND seq > $2 ORDER BY seq",
                [.int(row.number), .count(after)]
            ).compactMap { row in
                row.digest(1).map { StoredLink(seq: row.count(0), hash: $0, bytes: row.bytes(2)) }
            }
        }
    }

    package func appendLinks(_ links: [StoredLink], to circle: Digest256, after: Digest256) async throws -> Bool {
        try await change(circle) { session, row in
            guard row.link == after, let last = links.last else { return false }
            for link in links { try Self.insert(link, circle: row.number, in: session) }
            try session.run(
                "UPDATE circles SET link_seq = $1, link = $2 WHERE number = $3",
                [.count(last.seq), .digest(last.hash), .int(row.number)])
            return true
        }
    }

    private static func insert(_ link: StoredLink, circle: Int64, in session: any SQLSession) throws {
        try session.run(
            "INSERT INTO links (circle, seq, hash, bytes) VALUES ($1, $2, $3, $4)",
            [.int(circle), .count(link.seq), .digest(link.hash), .bytes(link.bytes)])
    }

    package func deleteCircle(_ circle: Digest256) async throws {
        let gone = try await change(circle) { session, row in
            let ids = try session.rows("SELECT id FROM chunks WHERE circle = $1", [.int(row.number)])
            try session.run("DELETE FROM circles WHERE number = $1", [.int(row.number)])
            return ids.compactMap { $0.digest(0) }
        }
        try await removeBytes(gone)
    }

    package func frontier(of circle: Digest256) async throws -> StoredFrontier {
        let circleBytes = rules.circleBytes
        return try await read(circle) { session, row in
            let heads = try session.rows(
                "SELECT device, seq, hash FROM heads WHERE circle = $1 ORDER BY device", [.int(row.number)]
            ).compactMap { row -> StoredFrontier.Head? in
                guard let device = DeviceID(row.bytes(0)), let entry = row.digest(2) else { return nil }
                return StoredFrontier.Head(device: device, seq: row.count(1), entry: entry)
            }
            return StoredFrontier(
                heads: heads, link: LogPosition(seq: row.linkSeq, hash: row.link), entries: row.entries,
                bytesUsed: row.bytes, bytesLimit: row.quota ?? circleBytes)
        }
    }
}
