// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

extension SQLRelayStore {
    /// Opens or makes a store in PostgreSQL, which several nodes may share.
    ///
    /// - Parameters:
    ///   - address: a connection URI, or keywords and values; its session must not be pooled by transaction.
    ///   - schema: of its tables, letters and digits; the server's default when nil.
    ///   - now: unix seconds; the system's clock by default.
    /// - Throws: `RelayError` where the server does not answer, or has the tables of a newer program.
    package static func postgres(
        _ address: String, schema: String? = nil, rules: RetentionRules = RetentionRules(),
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) async throws -> (store: SQLRelayStore, mailboxes: PostgresMailboxes) {
        let database = try await PostgresDatabase(address, schema: schema, now: now())
        let watchers = ChangeWatchers()
        let changes = PostgresChanges(database: database, watchers: watchers)
        changes.start(watchers.stream(localOnly: true))
        let store = SQLRelayStore(
            database: database, chunkBytes: PostgresChunks(database: database), rules: rules, watchers: watchers,
            others: changes, now: now)
        return (store, PostgresMailboxes(database: database))
    }
}
