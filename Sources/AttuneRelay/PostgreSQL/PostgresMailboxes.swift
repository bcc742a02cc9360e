// Attune
// SPDX-License-Identifier: Apache-2.0

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

    private var now: Int64 { Int64(Date().timeIntervalSince1970) }

    package func open() async throws -> (nameplate: String, seconds: Int) {
        let now = now
        let name = try await database.write(nil) { session -> String? in
            // One node picks a name at a time.
            _ = try session.rows("SELECT 1 FROM pg_advisory_xact_lock(4708)")
            try session.run("DELETE FROM mailboxes WHERE ends <= $1", [.int(now)])
            let taken = Set(try session.rows("SELECT nameplate FROM mailboxes").map { String($0.int(0)) })
            guard taken.count < MailboxLimits.open, let name = Nameplate.free(isTaken: taken.contains),
                let number = Int64(name)
            else { return nil }
            try session.run(
                "INSERT INTO mailboxes (nameplate, ends) VALUES ($1, $2)",
                [.int(number), .int(now + Int64(MailboxLimits.seconds))])
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
            let row = try Self.find(nameplate, now: now, lock: true, in: session)
            guard row.int(0) == 0 else { throw RelayError.noMailbox }
            let holder = row.bytes(side == .old ? 1 : 2)
            guard holder.isEmpty || holder == Array(claim.utf8) else { throw RelayError.mailboxTaken }
            let name = SQLValue.int(Int64(nameplate) ?? -1)
            let count = try session.number(
                "SELECT COUNT(*) FROM mailbox_messages WHERE nameplate = $1 AND side = $2", [name, side.number])
            guard count < MailboxLimits.messages else { throw RelayError.mailboxFull }
            try session.run(
                "UPDATE mailboxes SET \(side == .old ? "old_claim" : "new_claim") = $2 WHERE nameplate = $1",
                [name, .bytes(Array(claim.utf8))])
            try session.run(
                "INSERT INTO mailbox_messages (nameplate, side, number, bytes) VALUES ($1, $2, $3, $4)",
                [name, side.number, .int(count), .bytes(message)])
        }
    }

    package func read(_ nameplate: String, side: MailboxSide, after: Int) async throws -> MailboxContent {
        let now = now
        return try await database.read { session in
            let row = try Self.find(nameplate, now: now, lock: false, in: session)
            let messages = try session.rows(
                """
                SELECT bytes FROM mailbox_messages WHERE nameplate = $1 AND side = $2 AND number >= $3
                ORDER BY number
                """, [.int(Int64(nameplate) ?? -1), side.number, .int(Int64(after))])
            return MailboxContent(messages: messages.map { $0.bytes(0) }, burnt: row.int(0) != 0)
        }
    }

    package func burn(_ nameplate: String, claim: String?) async throws {
        let now = now
        try await database.write(nil) { session in
            let row = try Self.find(nameplate, now: now, lock: true, in: session)
            let claims = [row.bytes(1), row.bytes(2)].filter { !$0.isEmpty }
            guard claims.count < 2 || claims.contains(Array((claim ?? "").utf8)) else { throw RelayError.mailboxTaken }
            let name = SQLValue.int(Int64(nameplate) ?? -1)
            try session.run("UPDATE mailboxes SET burnt = 1 WHERE nameplate = $1", [name])
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

    /// Columns burnt, old claim, new claim.
    private static func find(
        _ nameplate: String, now: Int64, lock: Bool, in session: any SQLSession
    ) throws -> SQLRow {
        let row = try session.first(
            """
            SELECT burnt, old_claim, new_claim FROM mailboxes WHERE nameplate = $1 AND ends > $2
            \(lock ? "FOR UPDATE" : "")
            """, [.int(Int64(nameplate) ?? -1), .int(now)])
        guard let row else { throw RelayError.noMailbox }
        return row
    }
}

extension MailboxSide {
    fileprivate var number: SQLValue { .int(self == .old ? 0 : 1) }
}
