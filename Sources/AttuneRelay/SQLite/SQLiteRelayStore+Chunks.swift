// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB
import NIOCore

extension SQLiteRelayStore {
    package func missing(_ ids: [Digest256], in circle: Digest256) async throws -> [Digest256] {
        try await read(circle) { database, row in
            let statement = try database.cachedStatement(sql: "SELECT 1 FROM chunks WHERE circle = ? AND id = ?")
            return try ids.filter { id in
                try Bool.fetchOne(statement, arguments: [row.number, Data(id.bytes)]) == nil
            }
        }
    }

    package func chunkSize(_ id: Digest256, in circle: Digest256) async throws -> Int? {
        try await read(circle) { database, row in
            try Int.fetchOne(
                database, sql: "SELECT size FROM chunks WHERE circle = ? AND id = ?",
                arguments: [row.number, Data(id.bytes)])
        }
    }

    package func chunk(_ id: Digest256, in circle: Digest256) async throws -> ByteBuffer? {
        guard try await chunkSize(id, in: circle) != nil else { return nil }
        let files = files
        return try await onFiles { try files.read(id) }
    }

    package func putChunk(_ bytes: ByteBuffer, id: Digest256, in circle: Digest256) async throws -> Bool {
        let size = bytes.readableBytes
        let frontier = try await frontierOfBytes(circle, id: id)
        if frontier.isThere { return false }
        guard frontier.used + UInt64(size) <= frontier.limit else {
            throw RelayError.quota(used: frontier.used, limit: frontier.limit)
        }
        // Garbage collection may take the file away between the two steps: then it is written once more.
        for _ in 0..<3 {
            let files = files
            try await onFiles { if files.size(id) != size { try files.write(bytes, id: id) } }
            if let isNew = try await register(id, size: size, in: circle) { return isNew }
        }
        throw RelayError.unavailable(nil)
    }

    private func frontierOfBytes(
        _ circle: Digest256, id: Digest256
    ) async throws -> (isThere: Bool, used: UInt64, limit: UInt64) {
        let circleBytes = rules.circleBytes
        return try await read(circle) { database, row in
            let size = try Int.fetchOne(
                database, sql: "SELECT size FROM chunks WHERE circle = ? AND id = ?",
                arguments: [row.number, Data(id.bytes)])
            return (size != nil, row.bytes, row.quota ?? circleBytes)
        }
    }

    /// Counts a chunk whose file is there; nil where the file is gone.
    private func register(_ id: Digest256, size: Int, in circle: Digest256) async throws -> Bool? {
        let (files, now, circleBytes) = (files, now(), rules.circleBytes)
        do {
            return try await commits.commit { database in
                guard let row = try CircleRow.find(circle, in: database) else { throw RelayError.noCircle }
                guard files.size(id) == size else { return nil }
                let limit = row.quota ?? circleBytes
                guard row.bytes + UInt64(size) <= limit else { throw RelayError.quota(used: row.bytes, limit: limit) }
                let insertion = try database.cachedStatement(
                    sql: "INSERT OR IGNORE INTO chunks (circle, id, size, created) VALUES (?, ?, ?, ?)")
                try insertion.execute(arguments: [row.number, Data(id.bytes), size, now])
                guard database.changesCount == 1 else { return false }
                let update = try database.cachedStatement(
                    sql: "UPDATE circles SET bytes = bytes + ? WHERE number = ?")
                try update.execute(arguments: [size, row.number])
                return true
            }
        } catch {
            throw Self.translated(error)
        }
    }
}
