// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Compares what is counted with what is there.
extension SQLRelayStore {
    package func check(mends: Bool, contents: Bool) async throws -> [SumDifference] {
        let chunkBytes = chunkBytes
        let circles = try await database.read(nil) { session in
            try session.rows("SELECT id FROM circles ORDER BY number").compactMap { $0.id(0, as: CircleID.self) }
        }
        var found: [SumDifference] = []
        for circle in circles {
            let damaged = try await contents ? damagedChunks(of: circle) : []
            let check: @Sendable (any SQLSession) throws -> [SumDifference] = { session in
                guard let row = try CircleRow.find(circle, in: session) else { return [] }
                return try CircleCheck(
                    circle: circle, row: row, session: session, chunkBytes: chunkBytes, damaged: damaged
                ).run(mends: mends)
            }
            if mends {
                found += try await database.write(circle, check)
            } else {
                let first = try await database.read(circle, check)
                // A file may have gone while an earlier state of its row was read: then the next one agrees.
                guard !first.isEmpty else { continue }
                let second = Set(try await database.read(circle, check))
                found += first.filter { second.contains($0) }
            }
        }
        // What is gone may be with devices, and a restored database does not know what it lacks.
        if mends { try await renewChunkGeneration() }
        return found
    }

    /// Chunks of a circle whose bytes are not those of their ids. Each is read by itself: nothing waits meanwhile.
    private func damagedChunks(of circle: CircleID) async throws -> Set<ChunkID> {
        let chunkBytes = chunkBytes
        var damaged: Set<ChunkID> = []
        var last: [UInt8] = []
        while true {
            let (number, ids) = try await database.read(circle) { [last] session -> (Int64, [ChunkID]) in
                guard let row = try CircleRow.find(circle, in: session) else { return (0, []) }
                let rows = try session.rows(
                    "SELECT id FROM chunks WHERE circle = $1 AND size > 0 AND id > $2 ORDER BY id LIMIT 256",
                    [.int(row.number), .bytes(last)])
                return (row.number, rows.compactMap { $0.id(0, as: ChunkID.self) })
            }
            guard let end = ids.last else { return damaged }
            last = end.bytes
            for id in ids {
                let isWhole = try await database.read(circle) { session in
                    try chunkBytes.isWhole(id, circle: number, in: session)
                }
                if !isWhole { damaged.insert(id) }
            }
        }
    }

    package func renewChunkGeneration() async throws {
        let generation = Int64.random(in: 1...Int64.max)
        try await database.write(nil) { session in
            _ = try session.run(
                "INSERT INTO health (id, checked) VALUES (2, $1) ON CONFLICT (id) DO UPDATE SET checked = $1",
                [.int(generation)])
        }
    }

    static func chunkGeneration(in session: any SQLSession) throws -> Int64 {
        try session.first("SELECT checked FROM health WHERE id = 2")?.int(0) ?? 0
    }
}

/// The sums of one circle, counted again from its rows.
private struct CircleCheck {
    let circle: CircleID
    let row: CircleRow
    let session: any SQLSession
    let chunkBytes: any ChunkBytes
    /// Chunks that were found to have other bytes than theirs.
    let damaged: Set<ChunkID>
    private var owner: SQLValue { .int(row.number) }

    init(
        circle: CircleID, row: CircleRow, session: any SQLSession, chunkBytes: any ChunkBytes,
        damaged: Set<ChunkID>
    ) {
        self.circle = circle
        self.row = row
        self.session = session
        self.chunkBytes = chunkBytes
        self.damaged = damaged
    }

    func run(mends: Bool) throws -> [SumDifference] {
        var differences: [SumDifference] = []
        func compare(_ sum: String, _ counted: Int64, _ there: Int64, _ sql: String, _ key: [SQLValue]) throws {
            guard counted != there else { return }
            differences.append(SumDifference(circle: circle, sum: sum, counted: counted, there: there))
            if mends { try session.run(sql, [.int(there)] + key) }
        }
        var bytes = try session.number(
            "SELECT CAST(COALESCE(SUM(LENGTH(bytes) + \(RowCost.link)), 0) AS BIGINT) FROM links WHERE circle = $1",
            [owner])
        var uses: [[UInt8]: Int64] = [:]
        var entries: [[UInt8]: Int64] = [:]
        var last: Int64 = 0
        while true {
            // Some at a time: all of them may be more than there is memory.
            let rows = try session.rows(
                """
                SELECT position, device, counted, bytes FROM entries WHERE circle = $1 AND position > $2
                ORDER BY position LIMIT 64
                """, [owner, .int(last)])
            guard let end = rows.last else { break }
            last = end.int(0)
            for entry in rows {
                entries[entry.bytes(1), default: 0] += 1
                bytes += Int64(entry.bytes(3).count) + RowCost.entry
                guard entry.int(2) > 0 else { continue }
                for id in EntryReferences(entry.bytes(3)).chunks.prefix(Int(entry.int(2))) {
                    uses[id.bytes, default: 0] += 1
                }
            }
        }
        var kept: Int64 = 0
        for chunk in try session.rows("SELECT id, size, uses FROM chunks WHERE circle = $1", [owner]) {
            let there = uses.removeValue(forKey: chunk.bytes(0)) ?? 0
            let held = try held(chunk, isNamed: there > 0)
            let isDamaged = try held > 0 && isDamaged(chunk)
            let size = isDamaged ? 0 : held
            try compare(
                "\(isDamaged ? "content" : "bytes") of chunk \(Hex.encode(chunk.bytes(0)))", chunk.int(1), size,
                "UPDATE chunks SET size = $1 WHERE circle = $2 AND id = $3", [owner, chunk.values[0]])
            if size < chunk.int(1), mends { try lose(chunk, isNamed: there > 0) }
            // Bytes that are gone and that no entry names take their row along.
            if size == 0, there == 0, chunk.int(1) > 0 { continue }
            bytes += size > 0 ? size + RowCost.chunk : RowCost.awaited
            if there > 0 { kept += size }
            try compare(
                "chunk \(Hex.encode(chunk.bytes(0)))", chunk.int(2), there,
                "UPDATE chunks SET uses = $1 WHERE circle = $2 AND id = $3", [owner, chunk.values[0]])
        }
        for (id, count) in uses {
            try compare(
                "chunk \(Hex.encode(id))", 0, count,
                "INSERT INTO chunks (circle, id, size, created, uses) VALUES ($2, $3, 0, 0, $1)", [owner, .bytes(id)])
            bytes += mends ? RowCost.awaited : 0
        }
        for head in try session.rows("SELECT device, entries FROM heads WHERE circle = $1", [owner]) {
            try compare(
                "device \(Hex.encode(head.bytes(0)))", head.int(1), entries[head.bytes(0)] ?? 0,
                "UPDATE heads SET entries = $1 WHERE circle = $2 AND device = $3", [owner, head.values[0]])
        }
        try compare(
            "bytes", Int64(clamping: row.bytes), bytes, "UPDATE circles SET bytes = $1 WHERE number = $2", [owner])
        try compare("kept", row.kept, kept, "UPDATE circles SET kept = $1 WHERE number = $2", [owner])
        return differences
    }

    /// How many bytes of a chunk are there: all that are counted, or none. Those that nothing counts, of a chunk that
    /// entries of the circle name, are what is left where a database was lost.
    private func held(_ chunk: SQLRow, isNamed: Bool) throws -> Int64 {
        guard let id = chunk.id(0, as: ChunkID.self) else { return 0 }
        let counted = chunk.int(1)
        guard counted == 0 else {
            return Int64(try chunkBytes.size(id, circle: row.number, in: session)) == counted ? counted : 0
        }
        return isNamed ? Int64(try chunkBytes.unclaimedSize(id, in: session)) : 0
    }

    /// Whether a chunk that was found to be damaged still is.
    private func isDamaged(_ chunk: SQLRow) throws -> Bool {
        guard let id = chunk.id(0, as: ChunkID.self), damaged.contains(id) else { return false }
        return try !chunkBytes.isWhole(id, circle: row.number, in: session)
    }

    /// Makes a chunk whose bytes are gone one that is awaited, or none if no entry names it.
    private func lose(_ chunk: SQLRow, isNamed: Bool) throws {
        guard let id = chunk.id(0, as: ChunkID.self) else { return }
        try chunkBytes.discard(id, circle: row.number, in: session)
        guard !isNamed else { return }
        try session.run("DELETE FROM chunks WHERE circle = $1 AND id = $2", [owner, chunk.values[0]])
    }
}
