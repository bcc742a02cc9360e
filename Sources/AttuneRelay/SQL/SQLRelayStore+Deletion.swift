// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// A deleted circle is kept for a while, so that it can come back; then it goes in pieces.
extension SQLRelayStore {
    package func deleteCircle(_ circle: CircleID) async throws -> Int64 {
        let (now, undelete) = (now(), rules.undelete)
        return try await change(circle) { session, row in
            if let deleted = row.deleted { return deleted + undelete }
            try session.run("UPDATE circles SET deleted = $1 WHERE number = $2", [.int(now), .int(row.number)])
            return now + undelete
        }
    }

    package func undeleteCircle(_ circle: CircleID) async throws {
        try await change(circle) { session, row in
            _ = try session.run("UPDATE circles SET deleted = NULL WHERE number = $1", [.int(row.number)])
        }
    }

    /// Removes circles that were deleted long enough ago, and returns how many.
    func removeDeleted() async throws -> UInt64 {
        let before = now() - rules.undelete
        let circles = try await database.read(nil) { session in
            try session.rows("SELECT id FROM circles WHERE deleted <= $1", [.int(before)]).compactMap {
                $0.id(0, as: CircleID.self)
            }
        }
        for circle in circles { try await remove(circle, deletedBefore: before) }
        return UInt64(circles.count)
    }

    private func remove(_ circle: CircleID, deletedBefore date: Int64) async throws {
        while true {
            let (chunks, isDone) = try await database.write(circle) { session -> ([ChunkID], Bool) in
                // It may have come back.
                guard let row = try CircleRow.find(circle, in: session), row.deleted.map({ $0 <= date }) ?? false else {
                    return ([], true)
                }
                let owner = SQLValue.int(row.number)
                let chunks = try session.rows("SELECT id FROM chunks WHERE circle = $1 LIMIT 64", [owner])
                for chunk in chunks {
                    try session.run("DELETE FROM chunks WHERE circle = $1 AND id = $2", [owner, chunk.values[0]])
                }
                if !chunks.isEmpty { return (chunks.compactMap { $0.id(0) }, false) }
                for (table, key) in [("entries", "position"), ("links", "seq")] {
                    let removed = try session.run(
                        """
                        DELETE FROM \(table) WHERE circle = $1 AND \(key) IN (
                            SELECT \(key) FROM \(table) WHERE circle = $1 LIMIT 256)
                        """, [owner])
                    if removed > 0 { return ([], false) }
                }
                // What is left is few rows.
                try session.run("DELETE FROM circles WHERE number = $1", [owner])
                return ([], true)
            }
            try await removeBytes(chunks)
            if isDone { break }
        }
        watchers.tell(circle)
    }
}
