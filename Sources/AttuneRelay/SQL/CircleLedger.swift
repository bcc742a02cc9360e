// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What rows cost a circle beside the bytes that they hold: their share of tables and indexes, rounded.
enum RowCost {
    static let link: Int64 = 100
    static let entry: Int64 = 200
    static let chunk: Int64 = 100
    /// A chunk that an entry names and that is not there: as much as the smallest one.
    static let awaited: Int64 = 4096
}

/// The sums of one circle inside a transaction that holds the circle.
///
/// They are only ever added to: nobody writes back a sum that was read before.
struct CircleLedger {
    let row: CircleRow
    let session: any SQLSession
    let limit: UInt64
    private var bytes: Int64 = 0
    private var kept: Int64 = 0

    init(_ row: CircleRow, session: any SQLSession, rules: RetentionRules) {
        self.row = row
        self.session = session
        limit = row.quota ?? rules.circleBytes
    }

    /// - Parameters:
    ///   - bytes: of what the circle is charged with.
    ///   - kept: of chunks that entries name.
    mutating func add(bytes: Int64, kept: Int64 = 0) {
        self.bytes += bytes
        self.kept += kept
    }

    /// - Throws: `RelayError.quota` where `more` bytes have no room.
    func require(_ more: Int64) throws {
        let used = UInt64(max(0, Int64(clamping: row.bytes) + bytes))
        guard used + UInt64(max(0, more)) <= limit else { throw RelayError.quota(used: used, limit: limit) }
    }

    /// Bytes of chunks that entries name.
    var keptNow: Int64 { row.kept + kept }

    /// Writes the sums; called once, at the end.
    func write() throws {
        guard bytes != 0 || kept != 0 else { return }
        try session.run(
            "UPDATE circles SET bytes = bytes + $1, kept = kept + $2 WHERE number = $3",
            [.int(bytes), .int(kept), .int(row.number)])
    }
}
