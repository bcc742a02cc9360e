// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Counts for each chunk the entries that name it, so that nothing ever has to look for them.
///
/// The first `counted` chunks of an entry are counted. So work on a large entry can stop anywhere and go on later.
struct ChunkUses {
    /// Chunks, entries or links that one transaction goes through, so that the next circle's turn comes soon.
    static let piece = 128
    /// Chunks that one request may take back at once.
    static let small = 512
    /// Bytes of an entry that take as long as a row.
    static let bytesPerRow = 4096

    let session: any SQLSession
    let circle: Int64
    /// Unix seconds from which on a chunk that nobody names any more goes.
    let ends: Int64

    private func arguments(_ id: ChunkID) -> [SQLValue] { [.int(circle), .id(id)] }

    /// Counts one more entry that names a chunk, whether it is there or not.
    func name(_ id: ChunkID, _ ledger: inout CircleLedger) throws {
        let row = try session.first(
            """
            INSERT INTO chunks (circle, id, size, created, uses) VALUES ($1, $2, 0, 0, 1)
            ON CONFLICT (circle, id) DO UPDATE SET uses = chunks.uses + 1, ends = NULL RETURNING uses, size
            """, arguments(id))
        guard let row, row.int(0) == 1 else { return }
        if row.int(1) > 0 {
            ledger.add(bytes: 0, kept: row.int(1))
        } else {
            ledger.add(bytes: RowCost.awaited)
        }
    }

    /// Counts one entry less that names a chunk; false, and no change, where the share has no room for it.
    func takeBack(_ id: ChunkID, _ share: inout ReleaseShare, _ ledger: inout CircleLedger) throws -> Bool {
        let row = try session.first("SELECT uses, size FROM chunks WHERE circle = $1 AND id = $2", arguments(id))
        guard let row, row.int(0) > 0 else { return true }
        let size = row.int(1)
        if row.int(0) > 1 {
            try session.run("UPDATE chunks SET uses = uses - 1 WHERE circle = $1 AND id = $2", arguments(id))
        } else if size == 0 {
            try session.run("DELETE FROM chunks WHERE circle = $1 AND id = $2", arguments(id))
            ledger.add(bytes: -RowCost.awaited)
        } else {
            guard share.take(size) else { return false }
            try session.run(
                "UPDATE chunks SET uses = 0, ends = $3 WHERE circle = $1 AND id = $2", arguments(id) + [.int(ends)])
            ledger.add(bytes: 0, kept: -size)
        }
        return true
    }
}

/// What may still be released today: half of the circle's chunks within a day, by hours.
struct ReleaseShare {
    private static let hour: Int64 = 3600
    /// Nil if there is no limit.
    private var left: Int64?
    private var taken: Int64 = 0

    /// No limit.
    init() {}

    /// - Parameter now: unix seconds.
    init(_ row: CircleRow, session: any SQLSession, now: Int64) throws {
        let today = try session.number(
            "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM freed WHERE circle = $1 AND hour > $2",
            [.int(row.number), .int(now - 86_400 - Self.hour)])
        left = (row.kept + today) / 2 - today
    }

    /// False if there is no room for so many bytes.
    mutating func take(_ bytes: Int64) -> Bool {
        if let left {
            guard bytes <= left else { return false }
            self.left = left - bytes
        }
        taken += bytes
        return true
    }

    /// Keeps what was taken, for the hours to come.
    func write(_ circle: Int64, session: any SQLSession, now: Int64) throws {
        guard taken > 0 else { return }
        try session.run(
            """
            INSERT INTO freed (circle, hour, bytes) VALUES ($1, $2, $3)
            ON CONFLICT (circle, hour) DO UPDATE SET bytes = freed.bytes + excluded.bytes
            """, [.int(circle), .int(now - now % Self.hour), .int(taken)])
        try session.run(
            "DELETE FROM freed WHERE circle = $1 AND hour <= $2", [.int(circle), .int(now - 86_400 - Self.hour)])
    }
}
