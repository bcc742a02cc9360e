// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

extension SQLRelayStore {
    package func createCircle(_ circle: CircleID, links: [StoredLink], invite: String?) async throws -> Bool {
        let now = now()
        guard let last = links.last else { return false }
        let bytes = links.reduce(0) { $0 + Int64($1.bytes.count) + RowCost.link }
        try await room.require(Int(bytes))
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
                [.id(circle), .int(now), .count(last.seq), .id(last.hash), .int(bytes)])
            for link in links { try Self.insert(link, circle: number, at: now, in: session) }
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
                "SELECT seq, hash, bytes FROM links WHERE circle = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4",
                [.int(row.number), .count(after), .count(row.linkSeq), .int(Int64(limit) + 1)]
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
        let (now, rules) = (now(), rules)
        let counted = Self.bytes(of: links)
        if counted > 0 { try await room.require(counted) }
        let isTaken = try await change(circle) { session, row in
            guard row.link == after else { return false }
            // A device that filled the circle must not keep itself from being shut out.
            try Self.take(links, of: row, at: now, rules, in: session, counted: counted)
            for cutOff in cutOffs { try DueWork.add(drop: cutOff, circle: row.number, in: session) }
            return true
        }
        if isTaken, !cutOffs.isEmpty { try await workOff(circle, pieces: 64) }
        return isTaken
    }

    package func replaceLinks(
        with branch: [StoredLink], of circle: CircleID, newest: LinkHash, cutOffs: [CutOff]
    ) async throws -> Bool {
        let (now, rules) = (now(), rules)
        guard let first = branch.first else { return false }
        // What goes makes room for what comes, revocations aside on both sides: they had none, and need none.
        var (counted, place) = (Self.bytes(of: branch), first.seq - 1)
        while counted > 0 {
            let page = try await self.links(of: circle, after: place, limit: 64)
            counted -= try await RelayThreads.run(for: circle) {
                Self.bytes(of: try page.links.map { StoredLink(try Link(parsing: $0.bytes)) })
            }
            guard page.more, let last = page.links.last else { break }
            place = last.seq
        }
        let needed = max(0, counted)
        if needed > 0 { try await room.require(needed) }
        let isTaken = try await change(circle) { session, row in
            guard row.link == newest, first.seq > 1, first.seq <= row.linkSeq else { return false }
            // Of those that go it is the one that has been here longest.
            let since = try session.number(
                "SELECT created FROM links WHERE circle = $1 AND seq = $2", [.int(row.number), .count(first.seq)])
            guard since > now - rules.branches else { return false }
            try Self.take(branch, of: row, at: now, rules, in: session, counted: needed)
            try DueWork.add(.trim, circle: row.number, in: session)
            for cutOff in cutOffs { try DueWork.add(drop: cutOff, circle: row.number, in: session) }
            // There may be as many links as before: this is how devices that wait for news hear of it.
            try session.run("UPDATE circles SET entries = entries + 1 WHERE number = $1", [.int(row.number)])
            return true
        }
        if isTaken { try await workOff(circle, pieces: 64) }
        return isTaken
    }

    /// What a circle is charged with for the links that need room: all but revocations.
    private static func bytes(of links: [StoredLink]) -> Int {
        links.reduce(0) { $0 + ($1.isRevocation ? 0 : $1.bytes.count + Int(RowCost.link)) }
    }

    /// Keeps links and makes the last one the newest.
    ///
    /// - Parameter counted: bytes of them for which there has to be room.
    private static func take(
        _ links: [StoredLink], of row: CircleRow, at now: Int64, _ rules: RetentionRules, in session: any SQLSession,
        counted: Int
    ) throws {
        guard let last = links.last else { return }
        var ledger = CircleLedger(row, session: session, rules: rules)
        if counted > 0 { try ledger.require(Int64(counted)) }
        for link in links {
            // A branch may have left a link behind at this number.
            let place: [SQLValue] = [.int(row.number), .count(link.seq)]
            if let old = try session.first("SELECT LENGTH(bytes) FROM links WHERE circle = $1 AND seq = $2", place) {
                try session.run("DELETE FROM links WHERE circle = $1 AND seq = $2", place)
                ledger.add(bytes: -(old.int(0) + RowCost.link))
            }
            let cost = Int64(link.bytes.count) + RowCost.link
            ledger.add(bytes: cost)
            try insert(link, circle: row.number, at: now, in: session)
        }
        try ledger.write()
        try session.run(
            "UPDATE circles SET link_seq = $1, link = $2 WHERE number = $3",
            [.count(last.seq), .id(last.hash), .int(row.number)])
    }

    private static func insert(_ link: StoredLink, circle: Int64, at now: Int64, in session: any SQLSession) throws {
        try session.run(
            "INSERT INTO links (circle, seq, hash, bytes, created) VALUES ($1, $2, $3, $4, $5)",
            [.int(circle), .count(link.seq), .id(link.hash), .bytes(link.bytes), .int(now)])
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
