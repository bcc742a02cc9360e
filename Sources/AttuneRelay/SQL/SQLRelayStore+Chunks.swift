// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import NIOCore

extension SQLRelayStore {
    package func missing(_ ids: [Digest256], in circle: Digest256) async throws -> [Digest256] {
        try await read(circle) { session, row in
            try ids.filter { id in
                try !session.exists(
                    "SELECT 1 FROM chunks WHERE circle = $1 AND id = $2", [.int(row.number), .digest(id)])
            }
        }
    }

    package func chunkSize(_ id: Digest256, in circle: Digest256) async throws -> Int? {
        try await place(of: id, in: circle).size
    }

    /// The circle's row, and the size of a chunk where it has it.
    private func place(of id: Digest256, in circle: Digest256) async throws -> (circle: CircleRow, size: Int?) {
        try await read(circle) { session, row in
            let size = try session.first(
                "SELECT size FROM chunks WHERE circle = $1 AND id = $2", [.int(row.number), .digest(id)])
            return (row, size.map { Int($0.int(0)) })
        }
    }

    package func chunk(_ id: Digest256, in circle: Digest256) async throws -> ByteBuffer? {
        let place = try await place(of: id, in: circle)
        guard place.size != nil else { return nil }
        return try await chunkBytes.read(id, circle: place.circle.number)
    }

    package func putChunk(_ bytes: ByteBuffer, id: Digest256, in circle: Digest256) async throws -> Bool {
        let size = bytes.readableBytes
        let place = try await place(of: id, in: circle)
        if place.size != nil { return false }
        let limit = place.circle.quota ?? rules.circleBytes
        guard place.circle.bytes + UInt64(size) <= limit else {
            throw RelayError.quota(used: place.circle.bytes, limit: limit)
        }
        // Garbage collection may take bytes away between the two steps: then they are written once more.
        for _ in 0..<3 {
            try await chunkBytes.prepare(bytes, id: id)
            if let isNew = try await count(bytes, id: id, in: circle) { return isNew }
        }
        throw RelayError.unavailable(nil)
    }

    /// Removes the bytes of chunks that no row counts any more, now that this is on disk: a change that is taken back
    /// must find them.
    func removeBytes(_ ids: [Digest256]) async throws {
        let chunkBytes = chunkBytes
        for start in stride(from: 0, to: ids.count, by: 256) {
            let part = ids[start..<min(start + 256, ids.count)]
            try await database.write(nil) { session in for id in part { try chunkBytes.remove(id, in: session) } }
        }
    }

    /// Counts a chunk whose bytes are there; nil where they are gone.
    private func count(_ bytes: ByteBuffer, id: Digest256, in circle: Digest256) async throws -> Bool? {
        let (chunkBytes, now, circleBytes) = (chunkBytes, now(), rules.circleBytes)
        let size = bytes.readableBytes
        return try await database.write(circle) { session in
            guard let row = try CircleRow.find(circle, in: session) else { throw RelayError.noCircle }
            let limit = row.quota ?? circleBytes
            guard row.bytes + UInt64(size) <= limit else { throw RelayError.quota(used: row.bytes, limit: limit) }
            let inserted = try session.run(
                "INSERT INTO chunks (circle, id, size, created) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                [.int(row.number), .digest(id), .int(Int64(size)), .int(now)])
            guard inserted == 1 else { return false }
            guard try chunkBytes.keep(bytes, id: id, circle: row.number, in: session) else {
                try session.run(
                    "DELETE FROM chunks WHERE circle = $1 AND id = $2", [.int(row.number), .digest(id)])
                return nil
            }
            try session.run(
                "UPDATE circles SET bytes = bytes + $1 WHERE number = $2", [.int(Int64(size)), .int(row.number)])
            return true
        }
    }
}
