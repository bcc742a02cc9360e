// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

extension SQLRelayStore {
    /// Bytes of a page, after which it ends early.
    private static let pageBytes = 4 << 20

    package func append(
        _ entries: [StoredEntry], to circle: Digest256, release: ReleaseAllowance
    ) async throws -> [AppendOutcome] {
        let (now, rules) = (now(), rules)
        return try await change(circle) { session, row in
            var log = EntryLog(circle: row, session: session, now: now, rules: rules)
            let outcomes = try entries.map { try log.append($0, release: release) }
            try session.run(
                "UPDATE circles SET entries = $1, bytes = $2 WHERE number = $3",
                [.count(log.count), .count(log.bytes), .int(row.number)])
            return outcomes
        }
    }

    package func entries(
        of circle: Digest256, device: DeviceID?, after: UInt64, limit: Int
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
            if let device { arguments.append(.bytes(device.bytes)) }
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
            return EntryPage(entries: page, more: more)
        }
    }
}
