// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

extension SQLRelayStore {
    package func createCircle(_ circle: CircleID, genesis: StoredLink, invite: String?) async throws -> Bool {
        let now = now()
        try await room.require(genesis.bytes.count)
        return try await database.write(circle) { session in
            guard try CircleRow.find(circle, in: session) == nil else { return false }
            if let invite {
                let used = try session.run(
                    "UPDATE invites SET used = $1 WHERE hash = $2 AND used IS NULL",
                    [.int(now), .id(InviteToken.hash(invite))])
                guard used == 1 else { throw RelayError.inviteRequired }
            }
            let number = try session.number(
                "INSERT INTO circles (id, created, link_seq, link, bytes) VALUES ($1, $2, $3, $4, $5) RETURNING number",
                [
                    .id(circle), .int(now), .count(genesis.seq), .id(genesis.hash),
                    .int(Int64(genesis.bytes.count) + RowCost.link),
                ])
            try Self.insert(genesis, circle: number, in: session)
            return true
        }
    }

    package func head(of circle: CircleID) async throws -> CircleHead? {
        let undelete = rules.undelete
        return try await database.read(circle) { session in
            try CircleRow.find(circle, in: session).map { row in
                CircleHead(
                    link: LinkPosition(seq: row.linkSeq, hash: row.link),
                    deletedUntil: row.deleted.map { $0 + undelete }
                )
            }
        }
    }

    package func links(of circle: CircleID, after: UInt64, limit: Int) async throws -> LinkPage {
        try await read(circle) { session, row in
            var links: [StoredLink] = []
            var (bytes, more) = (0, false)
            try session.each(
                "SELECT seq, hash, bytes FROM links WHERE circle = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                [.int(row.number), .count(after), .int(Int64(limit) + 1)]
            ) { row in
                let content = row.bytes(2)
                more = links.count >= limit || bytes + content.count > LinkPage.byteLimit && !links.isEmpty
                guard !more, let hash = row.id(1, as: LinkHash.self) else { return false }
                links.append(StoredLink(seq: row.count(0), hash: hash, bytes: content))
                bytes += content.count
                return true
            }
            return LinkPage(links: links, more: more)
        }
    }

    package func appendLinks(
        _ links: [StoredLink], to circle: CircleID, after: LinkHash, cutOffs: [CutOff]
    ) async throws -> Bool {
        let rules = rules
        if !links.allSatisfy(\.isRevocation) { try await room.require(links.reduce(0) { $0 + $1.bytes.count }) }
        let isTaken = try await change(circle) { session, row in
            guard row.link == after, let last = links.last else { return false }
            var ledger = CircleLedger(row, session: session, rules: rules)
            for link in links {
                let cost = Int64(link.bytes.count) + RowCost.link
                // A device that filled the circle must not keep itself from being shut out.
                if !link.isRevocation { try ledger.require(cost) }
                ledger.add(bytes: cost)
                try Self.insert(link, circle: row.number, in: session)
            }
            try ledger.write()
            try session.run(
                "UPDATE circles SET link_seq = $1, link = $2 WHERE number = $3",
                [.count(last.seq), .id(last.hash), .int(row.number)])
            for cutOff in cutOffs { try DueWork.add(drop: cutOff, circle: row.number, in: session) }
            return true
        }
        if isTaken, !cutOffs.isEmpty { try await workOff(circle, pieces: 64) }
        return isTaken
    }

    private static func insert(_ link: StoredLink, circle: Int64, in session: any SQLSession) throws {
        try session.run(
            "INSERT INTO links (circle, seq, hash, bytes) VALUES ($1, $2, $3, $4)",
            [.int(circle), .count(link.seq), .id(link.hash), .bytes(link.bytes)])
    }

    package func frontier(of circle: CircleID) async throws -> StoredFrontier {
        let circleBytes = rules.circleBytes
        return try await read(circle) { session, row in
            let heads = try session.rows(
                "SELECT device, seq, hash FROM heads WHERE circle = $1 ORDER BY device", [.int(row.number)]
            ).compactMap { row -> StoredFrontier.Head? in
                guard let device = row.id(0, as: DeviceID.self), let entry = row.id(2, as: EntryHash.self) else {
                    return nil
                }
                return StoredFrontier.Head(device: device, seq: row.count(1), entry: entry)
            }
            return StoredFrontier(
                heads: heads, link: LinkPosition(seq: row.linkSeq, hash: row.link), entries: row.entries,
                bytesUsed: row.bytes, bytesLimit: row.quota ?? circleBytes,
                chunkGeneration: UInt64(max(0, try Self.chunkGeneration(in: session))))
        }
    }
}
