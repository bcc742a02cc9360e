// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// The way back from one entry of a device's log to its first one, past forks: whatever stands beside it at a number is
/// not on it.
///
/// Most numbers have one entry. Only where two have the same one, the entry after them is read, which names the one.
struct LogBranch {
    let session: any SQLSession
    let owner: SQLValue
    let device: SQLValue
    /// An entry on the way: everything from it on is as it has to be.
    private(set) var seq: Int64
    private(set) var hash: SQLValue
    /// Whether no number before has two entries.
    private(set) var isWhole = false
    /// Numbers that are looked through at once.
    private static let window: Int64 = 256

    /// The position, and the count of counted chunks, of the next entry that is not on the way; nil if there is none, or
    /// none was found yet.
    mutating func next(_ left: inout Int) throws -> SQLRow? {
        guard seq > 1 else {
            isWhole = true
            return nil
        }
        left -= 32
        let start = max(0, seq - Self.window)
        let fork = try session.first(
            """
            SELECT seq FROM entries WHERE circle = $1 AND device = $2 AND seq >= $3 AND seq < $4
            GROUP BY seq HAVING COUNT(*) > 1 ORDER BY seq DESC LIMIT 1
            """, [owner, device, .int(start), .int(seq)])
        guard let fork else {
            // All of them are alone at their numbers.
            try move(to: start)
            return nil
        }
        if fork.int(0) + 1 < seq { try move(to: fork.int(0) + 1) }
        let entry = try session.first("SELECT bytes FROM entries WHERE circle = $1 AND hash = $2", [owner, hash])
        guard let bytes = entry?.bytes(0), let previous = try? Entry(parsing: bytes).previous else {
            isWhole = true
            return nil
        }
        left -= bytes.count / ChunkUses.bytesPerRow
        let other = try session.first(
            "SELECT position, counted FROM entries WHERE circle = $1 AND device = $2 AND seq = $3 AND hash <> $4 LIMIT 1",
            [owner, device, fork.values[0], .id(previous)])
        // The one beside it may take more than one piece to go: only then the way goes on.
        if other == nil { (seq, hash) = (fork.int(0), .id(previous)) }
        return other
    }

    /// Goes back to a number that has one entry.
    private mutating func move(to number: Int64) throws {
        let row = try session.first(
            "SELECT hash FROM entries WHERE circle = $1 AND device = $2 AND seq = $3", [owner, device, .int(number)])
        guard let row, number > 0 else {
            isWhole = true
            return
        }
        (seq, hash) = (number, row.values[0])
    }
}
