// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

extension SQLRelayStore {
    /// Bytes of a page, after which it ends early.
    private static let pageBytes = 4 << 20

    package func append(
        _ entries: [StoredEntry], to circle: CircleID, newest: LinkHash, release: ReleaseAllowance
    ) async throws -> [AppendOutcome]? {
        let (now, rules) = (now(), rules)
        try await room.require(entries.reduce(0) { $0 + $1.bytes.count })
        var outcomes: [AppendOutcome] = []
        while outcomes.count < entries.count {
            let rest = entries[outcomes.count...]
            let part = try await change(circle) { session, row -> [AppendOutcome]? in
                guard row.link == newest else { return nil }
                var log = try EntryLog(circle: row, session: session, now: now, rules: rules)
                var outcomes: [AppendOutcome] = []
                for entry in rest where log.work < ChunkUses.piece {
                    outcomes.append(try log.append(entry, release: release))
                }
                try log.write()
                if release == .half { try Self.finishSmall(row, now: now, rules: rules, in: session) }
                return outcomes
            }
            guard let part else { return nil }
            outcomes += part
        }
        if entries.contains(where: { !$0.released.isEmpty || $0.isLast || $0.chunks.count > ChunkUses.piece }) {
            try await workOff(circle, pieces: 64)
        }
        return outcomes
    }

    /// Does at once what was allowed at once: the next one is measured by what is left then.
    private static func finishSmall(
        _ row: CircleRow, now: Int64, rules: RetentionRules, in session: any SQLSession
    ) throws {
        let work = DueWork(circle: row, session: session, now: now, rules: rules, rows: ChunkUses.small)
        for _ in 0..<4 where try !work.piece() { return }
    }

    package func entries(
        of circle: CircleID, device: DeviceID?, after: UInt64, limit: Int
    ) async throws -> EntryPage {
        try await read(circle) { session, row in
            // Without a device the places are those of arrival, which no two entries share.
            let sql =
                device == nil
                ? "SELECT position, bytes FROM entries WHERE circle = $1 AND position > $2 ORDER BY position LIMIT $3"
                : """
                SELECT seq, bytes FROM entries WHERE circle = $1 AND seq > $2 AND device = $4
                ORDER BY seq, position LIMIT $3
                """
            // Two more than asked for: one may be the other half of a fork, one tells whether more follow.
            var arguments: [SQLValue] = [.int(row.number), .count(after), .int(Int64(limit) + 2)]
            if let device { arguments.append(.id(device)) }
            var page: [[UInt8]] = []
            var (bytes, last, more) = (0, Int64(-1), false)
            try session.each(sql, arguments) { row in
                let entry = row.bytes(1)
                let isFull = page.count >= limit || bytes + entry.count > Self.pageBytes && !page.isEmpty
                if isFull, row.int(0) != last {
                    more = true
                    return false
                }
                page.append(entry)
                bytes += entry.count
                last = row.int(0)
                return true
            }
            return EntryPage(entries: page, more: more, next: last < 0 ? after : UInt64(last))
        }
    }
}
