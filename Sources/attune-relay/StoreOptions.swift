// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneRelay
import Foundation

/// Where a relay keeps what it keeps.
struct StoreOptions: ParsableArguments {
    @Option(help: "Folder of the relay's data.") var dir: String
    @Option(help: "Bytes that a circle may have, unless attune-relay quota gives it another limit.")
    var circleBytes: UInt64 = RetentionRules().circleBytes

    /// A store with what belongs to it.
    struct Opened {
        let store: any RelayMaintenance
        let mailboxes: any Mailboxes
        let lock: FolderLock?
    }

    /// - Parameter serving: whether to hold the folder for this process alone.
    func open(serving: Bool) async throws -> Opened {
        umask(0o077)
        var rules = RetentionRules()
        rules.circleBytes = circleBytes
        if serving {
            try FileManager.default.createDirectory(
                atPath: dir, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } else if !FileManager.default.fileExists(atPath: dir + "/relay.db") {
            throw RelayFailure.noStore(dir)
        }
        let lock = serving ? try FolderLock(folder: dir) : nil
        return Opened(
            store: try SQLiteRelayStore(folder: dir, rules: rules, isAlone: serving), mailboxes: MemoryMailboxes(),
            lock: lock)
    }
}
