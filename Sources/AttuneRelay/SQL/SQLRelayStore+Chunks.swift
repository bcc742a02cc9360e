// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import NIOCore

extension SQLRelayStore {
    package func missing(_ ids: [ChunkID], in circle: CircleID, ifNamed: Bool) async throws -> [ChunkID] {
        try await read(circle) { session, row in
            let owner = SQLValue.int(row.number)
            // As long as entries are not counted, nobody knows what they name.
            let isCounted =
                try ifNamed
                && !session.exists(
                    "SELECT 1 FROM due WHERE circle = $1 AND kind = $2", [owner, .int(DueWork.Kind.name.rawValue)])
            return try ids.filter { id in
                let chunk = try session.first(
                    "SELECT size FROM chunks WHERE circle = $1 AND id = $2", [owner, .id(id)])
                guard let chunk else { return !isCounted }
                return chunk.int(0) == 0
            }
        }
    }

    package func chunkSize(_ id: ChunkID, in circle: CircleID) async throws -> Int? {
        try await place(of: id, in: circle).size
    }

    /// The circle's row, and the size of a chunk where it has it.
    private func place(of id: ChunkID, in circle: CircleID) async throws -> (circle: CircleRow, size: Int?) {
        try await read(circle) { session, row in
            let size = try session.first(
                "SELECT size FROM chunks WHERE circle = $1 AND id = $2 AND size > 0", [.int(row.number), .id(id)])
            return (row, size.map { Int($0.int(0)) })
        }
    }

    package func chunk(_ id: ChunkID, in circle: CircleID) async throws -> ByteBuffer? {
        let place = try await place(of: id, in: circle)
        guard place.size != nil else { return nil }
        return try await chunkBytes.read(id, of: circle, number: place.circle.number)
    }

    package func putChunk(_ bytes: ByteBuffer, id: ChunkID, in circle: CircleID) async throws -> Bool {
        let size = bytes.readableBytes
        let place = try await place(of: id, in: circle)
        if place.size != nil { return false }
        let limit = place.circle.quota ?? rules.circleBytes
        guard place.circle.bytes + UInt64(size) <= limit else {
            throw RelayError.quota(used: place.circle.bytes, limit: limit)
        }
        try await room.require(size)
        // Garbage collection may take bytes away between the two steps: then they are written once more.
        for _ in 0..<3 {
            try await chunkBytes.prepare(bytes, id: id)
            do {
                if let isNew = try await count(bytes, id: id, in: circle) { return isNew }
            } catch {
                try? await removeBytes([id])
                throw error
            }
        }
        throw RelayError.unavailable(nil)
    }

    /// Removes the bytes of chunks that no row counts any more, now that this is on disk: a change that is taken back
    /// must find them.
    func removeBytes(_ ids: [ChunkID]) async throws {
        let chunkBytes = chunkBytes
        for start in stride(from: 0, to: ids.count, by: 256) {
            let part = ids[start..<min(start + 256, ids.count)]
            try await database.write(nil) { session in for id in part { try chunkBytes.remove(id, in: session) } }
        }
    }

    /// Counts a chunk whose bytes are there; nil if they are gone.
    private func count(_ bytes: ByteBuffer, id: ChunkID, in circle: CircleID) async throws -> Bool? {
        let (chunkBytes, now, rules) = (chunkBytes, now(), rules)
        let size = Int64(bytes.readableBytes)
        return try await database.write(circle) { session in
            guard let row = try CircleRow.find(circle, in: session) else { throw RelayError.noCircle }
            let place: [SQLValue] = [.int(row.number), .id(id)]
            // An entry may have named it before it came.
            let known = try session.first("SELECT size FROM chunks WHERE circle = $1 AND id = $2", place)
            guard known?.int(0) ?? 0 == 0 else { return false }
            var ledger = CircleLedger(row, session: session, rules: rules)
            let cost = size + RowCost.chunk - (known == nil ? 0 : RowCost.awaited)
            try ledger.require(cost)
            if known == nil {
                try session.run(
                    "INSERT INTO chunks (circle, id, size, created, ends) VALUES ($1, $2, $3, $4, $5)",
                    place + [.int(size), .int(now), .int(now + rules.unnamedUploads)])
            } else {
                try session.run(
                    "UPDATE chunks SET size = $3, created = $4 WHERE circle = $1 AND id = $2",
                    place + [.int(size), .int(now)])
            }
            guard try chunkBytes.keep(bytes, id: id, circle: row.number, in: session) else {
                if known == nil {
                    try session.run("DELETE FROM chunks WHERE circle = $1 AND id = $2", place)
                } else {
                    try session.run("UPDATE chunks SET size = 0 WHERE circle = $1 AND id = $2", place)
                }
                return nil
            }
            ledger.add(bytes: cost, kept: known == nil ? 0 : size)
            try ledger.write()
            return true
        }
    }
}
