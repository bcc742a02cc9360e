// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Appends entries to one circle inside a transaction.
struct EntryLog {
    private let circle: CircleRow
    private let session: any SQLSession
    private let now: Int64
    private let rules: RetentionRules
    private let uses: ChunkUses
    private var ledger: CircleLedger
    private var share: ReleaseShare
    private var position: UInt64
    /// Rows that were gone through.
    private(set) var work = 0

    init(circle: CircleRow, session: any SQLSession, now: Int64, rules: RetentionRules) throws {
        self.circle = circle
        self.session = session
        self.now = now
        self.rules = rules
        uses = ChunkUses(session: session, circle: circle.number, ends: now + rules.grace)
        ledger = CircleLedger(circle, session: session, rules: rules)
        share = ReleaseShare()
        position = circle.entries
    }

    private var owner: SQLValue { .int(circle.number) }

    mutating func append(_ entry: StoredEntry, release: ReleaseAllowance) throws -> AppendOutcome {
        work += 4 + entry.bytes.count / ChunkUses.bytesPerRow
        let device = SQLValue.id(entry.device)
        guard let seq = Int64(exactly: entry.seq), seq > 0 else { return .refused }
        if try session.exists("SELECT 1 FROM entries WHERE circle = $1 AND hash = $2", [owner, .id(entry.hash)]) {
            return .exists
        }
        let same = try session.rows(
            "SELECT position FROM entries WHERE circle = $1 AND device = $2 AND seq = $3 LIMIT 2",
            [owner, device, .int(seq)]
        ).count
        // Two are the evidence of a fork; more would only take room.
        guard same < 2 else { return .refused }
        if seq > 1 {
            let follows = try session.exists(
                "SELECT 1 FROM entries WHERE circle = $1 AND hash = $2 AND device = $3 AND seq = $4",
                [owner, .id(entry.previous), device, .int(seq - 1)])
            guard follows else { return .gap }
        } else if entry.previous.bytes.contains(where: { $0 != 0 }) {
            return .refused
        }
        let held = try session.number("SELECT entries FROM heads WHERE circle = $1 AND device = $2", [owner, device])
        guard held < Int64(clamping: rules.deviceEntries) else { return .full }
        if release == .half, !entry.released.isEmpty, try !isWithinShare(entry.released) { return .releaseLimit }
        try insert(entry, seq: seq)
        if !entry.released.isEmpty {
            try DueWork.add(
                release == .inTime ? .release : .releaseAll, circle: circle.number, position: position, in: session)
        }
        if entry.isLast {
            let cutOff = CutOff(device: entry.device, seq: entry.seq, entry: entry.hash)
            try DueWork.add(drop: cutOff, circle: circle.number, in: session)
        }
        return same == 0 ? .new : .fork
    }

    /// Writes the circle's sums; called once, at the end.
    func write() throws {
        try session.run(
            "UPDATE circles SET entries = $1 WHERE number = $2", [.count(position), owner])
        try ledger.write()
    }

    private mutating func insert(_ entry: StoredEntry, seq: Int64) throws {
        let device = SQLValue.id(entry.device)
        let cost = Int64(entry.bytes.count) + RowCost.entry
        let counted = min(entry.chunks.count, ChunkUses.piece)
        // Those that are counted later are taken for absent.
        try ledger.require(cost + Int64(entry.chunks.count - counted) * RowCost.awaited)
        position += 1
        ledger.add(bytes: cost)
        try session.run(
            """
            INSERT INTO entries (circle, position, device, seq, hash, bytes, counted)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            [
                owner, .count(position), device, .int(seq), .id(entry.hash), .bytes(entry.bytes),
                .int(Int64(counted)),
            ])
        for id in entry.chunks.prefix(counted) { try uses.name(id, &ledger) }
        try ledger.require(0)
        work += counted
        if counted < entry.chunks.count {
            try DueWork.add(
                .name, circle: circle.number, position: position - 1, upto: position, in: session)
        }
        try session.run(
            """
            INSERT INTO heads (circle, device, seq, hash, entries) VALUES ($1, $2, $3, $4, 1)
            ON CONFLICT (circle, device) DO UPDATE SET entries = heads.entries + 1,
            seq = CASE WHEN excluded.seq > heads.seq THEN excluded.seq ELSE heads.seq END,
            hash = CASE WHEN excluded.seq > heads.seq THEN excluded.hash ELSE heads.hash END
            """, [owner, device, .int(seq), .id(entry.hash)])
    }

    /// Whether releasing these entries frees no more than today's share, and is a small thing to find out.
    private mutating func isWithinShare(_ released: [EntryHash]) throws -> Bool {
        var naming: [ChunkID: Int64] = [:]
        var named: Int64 = 0
        for hash in released {
            let row = try session.first(
                "SELECT position, counted FROM entries WHERE circle = $1 AND hash = $2 AND released = 0",
                [owner, .id(hash)])
            guard let row, row.int(1) > 0 else { continue }
            // An entry may name one chunk as often as it likes.
            named += row.int(1)
            guard named <= ChunkUses.small else { return false }
            let bytes = try session.first(
                "SELECT bytes FROM entries WHERE circle = $1 AND position = $2", [owner, row.values[0]])
            let chunks = EntryReferences(bytes?.bytes(0) ?? []).chunks
            for id in chunks.prefix(Int(row.int(1))) { naming[id, default: 0] += 1 }
        }
        work += naming.count + released.count
        var share = try ReleaseShare(circle, session: session, now: now)
        return try naming.allSatisfy { id, count in
            let size = try session.number(
                "SELECT size FROM chunks WHERE circle = $1 AND id = $2 AND uses = $3",
                [owner, .id(id), .int(count)])
            return size == 0 || share.take(size)
        }
    }
}
