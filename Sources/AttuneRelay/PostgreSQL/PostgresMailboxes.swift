// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation

/// Mailboxes that all nodes see: the two devices may have reached different ones.
package struct PostgresMailboxes: Mailboxes {
    let database: PostgresDatabase

    static let tables = [
        """
        CREATE TABLE mailboxes (
            nameplate BIGINT PRIMARY KEY, ends BIGINT NOT NULL, burnt BIGINT NOT NULL DEFAULT 0,
            old_claim BYTEA, new_claim BYTEA)
        """,
        """
        CREATE TABLE mailbox_messages (
            nameplate BIGINT NOT NULL REFERENCES mailboxes (nameplate) ON DELETE CASCADE,
            side BIGINT NOT NULL, number BIGINT NOT NULL, bytes BYTEA NOT NULL, PRIMARY KEY (nameplate, side, number))
        """,
    ]

    /// Columns that came later: who opened it, as hashes, and the bytes it counts for. Older nodes leave the defaults.
    static let additions = [
        "ALTER TABLE mailboxes ADD COLUMN IF NOT EXISTS opener_group BYTEA NOT NULL DEFAULT ''",
        "ALTER TABLE mailboxes ADD COLUMN IF NOT EXISTS opener BYTEA NOT NULL DEFAULT ''",
        "ALTER TABLE mailboxes ADD COLUMN IF NOT EXISTS is_device BIGINT NOT NULL DEFAULT 0",
        """
        ALTER TABLE mailboxes ADD COLUMN IF NOT EXISTS bytes BIGINT NOT NULL DEFAULT \(MailboxLimits.emptyBytes)
        """,
    ]

    private var now: Int64 { Int64(Date().timeIntervalSince1970) }

    package func open(for payer: Payer, claim: String?) async throws -> (nameplate: String, seconds: Int) {
        let now = now
        let name = try await database.write(nil) { session -> String? in
            try Self.lock(session)
            try session.run("DELETE FROM mailboxes WHERE ends <= $1", [.int(now)])
            let open = try session.number(
                "SELECT COUNT(*) FROM mailboxes WHERE is_device = $1 AND opener = $2",
                [.int(payer.isDevice ? 1 : 0), .bytes(payer.memberHash)])
            guard open < MailboxLimits.openEach, try Self.makeRoom(MailboxLimits.emptyBytes, for: payer, in: session)
            else { return nil }
            let taken = Set(try session.rows("SELECT nameplate FROM mailboxes").map { String($0.int(0)) })
            guard let name = Nameplate.free(isTaken: taken.contains), let number = Int64(name) else { return nil }
            try session.run(
                """
                INSERT INTO mailboxes (nameplate, ends, old_claim, opener_group, opener, is_device)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                [
                    .int(number), .int(now + Int64(MailboxLimits.seconds)),
                    .bytes(Array((claim ?? "").utf8)), .bytes(payer.groupHash), .bytes(payer.memberHash),
                    .int(payer.isDevice ? 1 : 0),
                ])
            return name
        }
        guard let name else { throw RelayError.tooMany("pairings at once", retryAfter: 60) }
        return (name, MailboxLimits.seconds)
    }

    package func append(
        _ message: [UInt8], to nameplate: String, side: MailboxSide, claim: String
    ) async throws {
        let now = now
        try await database.write(nil) { session in
            try Self.lock(session)
            let row = try Self.find(nameplate, now: now, lock: true, in: session)
            guard row.int(0) == 0 else { throw RelayError.noMailbox }
            let holder = row.bytes(side == .old ? 1 : 2)
            guard holder.isEmpty || holder == Array(claim.utf8) else { throw RelayError.mailboxTaken }
            let name = SQLValue.int(Int64(nameplate) ?? -1)
            let count = try session.number(
                "SELECT COUNT(*) FROM mailbox_messages WHERE nameplate = $1 AND side = $2", [name, side.number])
            guard count < MailboxLimits.messages else { throw RelayError.mailboxFull }
            guard try Self.makeRoom(message.count, for: row, in: session) else { throw RelayError.busy }
            try session.run(
                """
                UPDATE mailboxes SET \(side == .old ? "old_claim" : "new_claim") = $2, bytes = bytes + $3
                WHERE nameplate = $1
                """, [name, .bytes(Array(claim.utf8)), .int(Int64(message.count))])
            try session.run(
                "INSERT INTO mailbox_messages (nameplate, side, number, bytes) VALUES ($1, $2, $3, $4)",
                [name, side.number, .int(count), .bytes(message)])
        }
    }

    package func read(_ nameplate: String, side: MailboxSide, after: Int) async throws -> MailboxContent {
        let now = now
        return try await database.read(nil) { session in
            let row = try Self.find(nameplate, now: now, lock: false, in: session)
            let messages = try session.rows(
                """
                SELECT bytes FROM mailbox_messages WHERE nameplate = $1 AND side = $2 AND number >= $3
                ORDER BY number
                """, [.int(Int64(nameplate) ?? -1), side.number, .int(Int64(after))])
            return MailboxContent(messages: messages.map { $0.bytes(0) }, burnt: row.int(0) != 0)
        }
    }

    package func burn(_ nameplate: String, claim: String) async throws {
        let now = now
        try await database.write(nil) { session in
            let row = try Self.find(nameplate, now: now, lock: true, in: session)
            guard [row.bytes(1), row.bytes(2)].contains(Array(claim.utf8)) else { throw RelayError.mailboxTaken }
            let name = SQLValue.int(Int64(nameplate) ?? -1)
            try session.run(
                "UPDATE mailboxes SET burnt = 1, bytes = $3, ends = LEAST(ends, $2) WHERE nameplate = $1",
                [
                    name, .int(now + Int64(MailboxLimits.burntSeconds)), .int(Int64(MailboxLimits.emptyBytes)),
                ])
            try session.run("DELETE FROM mailbox_messages WHERE nameplate = $1", [name])
        }
    }

    package func wait(_ nameplate: String, side: MailboxSide, after: Int, seconds: Double) async {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            guard let content = try? await read(nameplate, side: side, after: after), content.messages.isEmpty,
                !content.burnt, (try? await Task.sleep(for: .milliseconds(400))) != nil
            else { return }
        }
    }

    /// One node at a time picks names and counts bytes.
    private static func lock(_ session: any SQLSession) throws {
        _ = try session.rows("SELECT 1 FROM pg_advisory_xact_lock(4708)")
    }

    private static func makeRoom(_ bytes: Int, for payer: Payer, in session: any SQLSession) throws -> Bool {
        try makeRoom(bytes, group: payer.groupHash, isDevice: payer.isDevice, in: session)
    }

    private static func makeRoom(_ bytes: Int, for row: SQLRow, in session: any SQLSession) throws -> Bool {
        try makeRoom(bytes, group: row.bytes(3), isDevice: row.int(4) != 0, in: session)
    }

    /// Ends mailboxes of those who have most until so many bytes more fit; false if nobody has more than this group.
    private static func makeRoom(
        _ bytes: Int, group: [UInt8], isDevice: Bool, in session: any SQLSession
    ) throws -> Bool {
        let (kind, own) = (SQLValue.int(isDevice ? 1 : 0), SQLValue.bytes(group))
        let capacity = isDevice ? MailboxLimits.deviceBytes : MailboxLimits.strangerBytes
        while try session.number("SELECT COALESCE(SUM(bytes), 0)::BIGINT FROM mailboxes WHERE is_device = $1", [kind])
            + Int64(bytes) > capacity
        {
            let gone = try session.run(
                """
                DELETE FROM mailboxes WHERE nameplate = (
                    SELECT nameplate FROM mailboxes WHERE is_device = $1 AND opener_group = (
                        SELECT opener_group FROM mailboxes WHERE is_device = $1 AND opener_group <> $2
                        GROUP BY opener_group
                        HAVING SUM(bytes) > $3 + (
                            SELECT COALESCE(SUM(bytes), 0) FROM mailboxes WHERE is_device = $1 AND opener_group = $2)
                        ORDER BY SUM(bytes) DESC LIMIT 1)
                    ORDER BY ends LIMIT 1)
                """, [kind, own, .int(Int64(bytes))])
            guard gone == 1 else { return false }
        }
        return true
    }

    /// Columns burnt, old claim, new claim, group of the opener, whether that is a device.
    private static func find(
        _ nameplate: String, now: Int64, lock: Bool, in session: any SQLSession
    ) throws -> SQLRow {
        let row = try session.first(
            """
            SELECT burnt, old_claim, new_claim, opener_group, is_device FROM mailboxes
            WHERE nameplate = $1 AND ends > $2 \(lock ? "FOR UPDATE" : "")
            """, [.int(Int64(nameplate) ?? -1), .int(now)])
        guard let row else { throw RelayError.noMailbox }
        return row
    }
}

extension MailboxSide {
    fileprivate var number: SQLValue { .int(self == .old ? 0 : 1) }
}

extension Payer {
    /// Addresses are kept as hashes only, and for ten minutes.
    fileprivate var groupHash: [UInt8] { hash(groupText) }
    fileprivate var memberHash: [UInt8] { hash(description) }

    private func hash(_ text: String) -> [UInt8] {
        Array(WireHash.blake2b(Array(text.utf8), personal: "AT-opener").bytes.prefix(16))
    }
}
