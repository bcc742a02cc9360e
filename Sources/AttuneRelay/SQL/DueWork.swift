// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What a circle's changes leave to be done, in pieces that are short enough for others to come between.
///
/// A piece is one transaction: a crash loses nothing, and what is left goes on later. What a release frees within a day
/// is limited; the rest stays due.
struct DueWork {
    /// In the order in which they are done; of one kind the oldest first.
    enum Kind: Int64 {
        /// Links after the newest one, which a branch has left behind, go.
        case trim = 0
        /// Chunks of the entries after `position`, up to `upto`, are to be counted.
        case name
        /// Entries of `device` from `seq` on, other than `entry`, do not count any more.
        case drop
        /// The release at `position`, from the `upto`th entry that it names on, without a limit and with one.
        case releaseAll
        case release
    }

    let circle: CircleRow
    let session: any SQLSession
    let now: Int64
    let rules: RetentionRules
    /// Chunks, entries or links that a piece goes through.
    let rows: Int
    private var owner: SQLValue { .int(circle.number) }

    init(
        circle: CircleRow, session: any SQLSession, now: Int64, rules: RetentionRules, rows: Int = ChunkUses.piece
    ) {
        self.circle = circle
        self.session = session
        self.now = now
        self.rules = rules
        self.rows = rows
    }

    static func add(
        _ kind: Kind, circle: Int64, position: UInt64 = 0, upto: UInt64 = 0, in session: any SQLSession
    ) throws {
        try session.run(
            "INSERT INTO due (circle, kind, position, upto) VALUES ($1, $2, $3, $4)",
            [.int(circle), .int(kind.rawValue), .count(position), .count(upto)])
    }

    /// Lets go of what a device that was shut out wrote after its last entry that counts.
    static func add(drop cutOff: CutOff, circle: Int64, in session: any SQLSession) throws {
        try session.run(
            "INSERT INTO due (circle, kind, device, seq, entry) VALUES ($1, $2, $3, $4, $5)",
            [
                .int(circle), .int(Kind.drop.rawValue), .id(cutOff.device), .count(cutOff.seq),
                .bytes(cutOff.entry?.bytes ?? []),
            ])
    }

    /// Something that is due.
    private struct Task {
        let number: Int64
        let kind: Kind
        let row: SQLRow
        var position: Int64 { row.int(2) }
        var upto: Int64 { row.int(3) }
    }

    /// Does one piece; false if nothing is left that can be done today.
    func piece() throws -> Bool {
        let row = try session.first(
            """
            SELECT number, kind, position, upto, device, seq, entry FROM due WHERE circle = $1
            ORDER BY kind, number LIMIT 1
            """, [owner])
        guard let row, let kind = Kind(rawValue: row.int(1)) else { return false }
        let task = Task(number: row.int(0), kind: kind, row: row)
        var ledger = CircleLedger(circle, session: session, rules: rules)
        let goesOn: Bool
        switch kind {
        case .trim: goesOn = try trim(task, &ledger)
        case .name: goesOn = try name(task, &ledger)
        case .drop: goesOn = try drop(task, &ledger)
        case .releaseAll, .release:
            var share =
                kind == .releaseAll ? ReleaseShare() : try ReleaseShare(circle, session: session, now: now)
            goesOn = try release(task, &share, &ledger)
            try share.write(circle.number, session: session, now: now)
        }
        try ledger.write()
        return goesOn
    }

    private func finish(_ task: Task) throws {
        try session.run("DELETE FROM due WHERE number = $1", [.int(task.number)])
    }

    private func trim(_ task: Task, _ ledger: inout CircleLedger) throws -> Bool {
        var left = rows
        while left > 0 {
            let row = try session.first(
                "SELECT seq, LENGTH(bytes) FROM links WHERE circle = $1 AND seq > $2 ORDER BY seq DESC LIMIT 1",
                [owner, .count(circle.linkSeq)])
            guard let row else {
                try finish(task)
                return true
            }
            try session.run("DELETE FROM links WHERE circle = $1 AND seq = $2", [owner, row.values[0]])
            ledger.add(bytes: -(row.int(1) + RowCost.link))
            left -= 1 + Int(row.int(1)) / ChunkUses.bytesPerRow
        }
        return true
    }

    private func name(_ task: Task, _ ledger: inout CircleLedger) throws -> Bool {
        let uses = ChunkUses(session: session, circle: circle.number, ends: now)
        var (done, left) = (task.position, rows)
        while left > 0 {
            let row = try session.first(
                """
                SELECT position, counted, bytes FROM entries
                WHERE circle = $1 AND position > $2 AND position <= $3 AND released = 0 ORDER BY position LIMIT 1
                """, [owner, .int(done), .int(task.upto)])
            guard let row else {
                try finish(task)
                return true
            }
            let counted = Int(row.int(1))
            let entry = EntryReferences(row.bytes(2), chunks: counted..<counted + left)
            for id in entry.chunks { try uses.name(id, &ledger) }
            if !entry.chunks.isEmpty { try setCounted(Int64(counted + entry.chunks.count), of: row.int(0)) }
            if counted + entry.chunks.count == entry.chunkCount { done = row.int(0) }
            left -= entry.chunks.count + 1 + row.bytes(2).count / ChunkUses.bytesPerRow
        }
        try session.run("UPDATE due SET position = $1 WHERE number = $2", [.int(done), .int(task.number)])
        return true
    }

    private func setCounted(_ count: Int64, of position: Int64) throws {
        try session.run(
            "UPDATE entries SET counted = $1 WHERE circle = $2 AND position = $3", [.int(count), owner, .int(position)])
    }

    private func release(
        _ task: Task, _ share: inout ReleaseShare, _ ledger: inout CircleLedger
    ) throws -> Bool {
        let released = EntryReferences(try bytes(of: task.position), chunks: 0..<0).released
        let uses = ChunkUses(session: session, circle: circle.number, ends: now + rules.grace)
        var (index, left) = (Int(task.upto), rows)
        while index < released.count, left > 0 {
            left -= 1
            let row = try session.first(
                "SELECT position, released, released_by, counted FROM entries WHERE circle = $1 AND hash = $2",
                [owner, .id(released[index])])
            // What is not here, or was released by another one, has nothing to free.
            guard let row, row.int(1) == 0 || row.optionalInt(2) == task.position else {
                index += 1
                continue
            }
            if row.int(1) == 0 {
                try session.run(
                    "UPDATE entries SET released = 1, released_by = $1 WHERE circle = $2 AND position = $3",
                    [.int(task.position), owner, .int(row.int(0))])
            }
            let places = Self.places(counted: row.int(3), left)
            let counted = try takeBack(
                EntryReferences(try bytes(of: row.int(0)), chunks: places), of: row.int(0), counted: row.int(3), uses,
                &left, &share, &ledger)
            if counted == 0 {
                index += 1
            } else if left > 0 {
                // The day's share is used up.
                try keepPlace(task, index)
                return false
            }
        }
        if index < released.count { try keepPlace(task, index) } else { try finish(task) }
        return true
    }

    private func keepPlace(_ task: Task, _ index: Int) throws {
        try session.run("UPDATE due SET upto = $1 WHERE number = $2", [.int(Int64(index)), .int(task.number)])
    }

    /// The places of those chunks that a piece can take back: the last ones that are counted.
    private static func places(counted: Int64, _ left: Int) -> Range<Int> {
        max(0, Int(counted) - max(0, left))..<Int(counted)
    }

    /// Takes an entry's chunks back from the last counted one on, and returns how many still are.
    ///
    /// - Parameter entry: with the chunks of `places`; the bytes of most entries that are released again and again have
    ///   not to be read.
    private func takeBack(
        _ entry: @autoclosure () throws -> EntryReferences, of position: Int64, counted: Int64, _ uses: ChunkUses,
        _ left: inout Int, _ share: inout ReleaseShare, _ ledger: inout CircleLedger
    ) throws -> Int64 {
        guard counted > 0 else { return 0 }
        let entry = try entry()
        var chunks = entry.chunks
        let untouched = min(Int(counted), entry.chunkCount) - chunks.count
        while left > 0, let id = chunks.last, try uses.takeBack(id, &share, &ledger) {
            chunks.removeLast()
            left -= 1
        }
        try setCounted(Int64(untouched + chunks.count), of: position)
        return Int64(untouched + chunks.count)
    }

    private func bytes(of position: Int64) throws -> [UInt8] {
        try session.first(
            "SELECT bytes FROM entries WHERE circle = $1 AND position = $2", [owner, .int(position)])?.bytes(0) ?? []
    }

    /// Removes entries that do not count, from the end of the log: their chunks go at once, and what they released comes
    /// back as far as it is still there.
    ///
    /// After those behind the last entry that counts come those of the other half of a fork before it.
    private func drop(_ task: Task, _ ledger: inout CircleLedger) throws -> Bool {
        let (device, seq) = (task.row.values[4], task.row.values[5])
        var left = rows
        var dropped: Int64 = 0
        var isDone = false
        if task.upto == 0 {
            while left > 0, !isDone {
                let row = try session.first(
                    """
                    SELECT position, counted FROM entries WHERE circle = $1 AND device = $2 AND seq >= $3
                    AND (seq > $3 OR hash <> $4) ORDER BY seq DESC, position DESC LIMIT 1
                    """, [owner, device, seq, task.row.values[6]])
                guard let row else {
                    isDone = true
                    continue
                }
                if try remove(row, &left, &ledger) { dropped += 1 }
            }
            if isDone { try session.run("UPDATE due SET upto = 1 WHERE number = $1", [.int(task.number)]) }
        } else {
            var branch = LogBranch(
                session: session, owner: owner, device: device, seq: task.row.int(5), hash: task.row.values[6])
            while left > 0, !isDone {
                guard let row = try branch.next(&left) else {
                    isDone = branch.isWhole
                    continue
                }
                if try remove(row, &left, &ledger) { dropped += 1 }
            }
            try session.run(
                "UPDATE due SET seq = $1, entry = $2 WHERE number = $3",
                [.int(branch.seq), branch.hash, .int(task.number)])
            if isDone { try finish(task) }
        }
        try session.run(
            "UPDATE heads SET entries = entries - $1 WHERE circle = $2 AND device = $3", [.int(dropped), owner, device])
        try resetHead(of: device)
        return true
    }

    /// Removes an entry that does not count; false where some of its chunks are left for another piece.
    ///
    /// - Parameter row: its position and how many of its chunks are counted.
    private func remove(_ row: SQLRow, _ left: inout Int, _ ledger: inout CircleLedger) throws -> Bool {
        let uses = ChunkUses(session: session, circle: circle.number, ends: now)
        let (position, counted) = (row.int(0), row.int(1))
        var share = ReleaseShare()
        left -= 4
        let bytes = try bytes(of: position)
        let entry = EntryReferences(bytes, chunks: Self.places(counted: counted, left))
        guard try takeBack(entry, of: position, counted: counted, uses, &left, &share, &ledger) == 0 else {
            return false
        }
        left -= entry.released.count + bytes.count / ChunkUses.bytesPerRow
        try bringBack(entry.released, releasedBy: position)
        try session.run("DELETE FROM entries WHERE circle = $1 AND position = $2", [owner, .int(position)])
        ledger.add(bytes: -(Int64(bytes.count) + RowCost.entry))
        return true
    }

    private func bringBack(_ released: [EntryHash], releasedBy position: Int64) throws {
        guard !released.isEmpty else { return }
        try session.run(
            "DELETE FROM due WHERE circle = $1 AND position = $2 AND kind >= $3",
            [owner, .int(position), .int(Kind.releaseAll.rawValue)])
        for hash in released {
            let row = try session.first(
                """
                UPDATE entries SET released = 0, released_by = NULL
                WHERE circle = $1 AND hash = $2 AND released_by = $3 RETURNING position
                """, [owner, .id(hash), .int(position)])
            guard let row else { continue }
            try Self.add(.name, circle: circle.number, position: row.count(0) - 1, upto: row.count(0), in: session)
        }
    }

    private func resetHead(of device: SQLValue) throws {
        let row = try session.first(
            """
            SELECT seq, hash FROM entries WHERE circle = $1 AND device = $2 ORDER BY seq DESC, position LIMIT 1
            """, [owner, device])
        if let row {
            try session.run(
                "UPDATE heads SET seq = $1, hash = $2 WHERE circle = $3 AND device = $4",
                [row.values[0], row.values[1], owner, device])
        } else {
            try session.run("DELETE FROM heads WHERE circle = $1 AND device = $2", [owner, device])
        }
    }
}
