// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

extension SQLRelayStore {
    /// Opens or makes a store in one folder: `relay.db` for links, entries and counts, `chunks/` for the bytes.
    ///
    /// - Parameters:
    ///   - isAlone: whether no other process uploads, so that what a crash left half written can go.
    ///   - now: unix seconds; the system's clock by default.
    /// - Throws: `RelayError` where the folder cannot be used, or holds the store of a newer program.
    package convenience init(
        folder: String, rules: RetentionRules = RetentionRules(), isAlone: Bool = true,
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        self.init(
            database: try SQLiteDatabase(path: folder + "/relay.db", now: now()),
            chunkBytes: try ChunkFiles(folder: folder + "/chunks", isAlone: isAlone), rules: rules,
            watchers: ChangeWatchers(), folder: folder, now: now)
    }
}
