// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneRelay
import Foundation

/// Where a relay keeps what it keeps.
struct StoreOptions: ParsableArguments {
    @Option(help: "Folder of the relay's data; not needed with a database.") var dir: String?
    @Option(
        help: """
            File with the address of a PostgreSQL database, which several nodes may share; \
            ATTUNE_RELAY_DATABASE may have the address itself.
            """)
    var databaseFile: String?
    @Option(help: "Bytes that a circle may have, unless attune-relay quota gives it another limit.")
    var circleBytes: UInt64 = RetentionRules().circleBytes
    @Option(help: "Bytes that all circles may have together; no limit by default.") var totalBytes: UInt64?
    @Option(help: "Bytes that stay free on the disk of the folder: with less, nothing new is taken.")
    var freeBytes: UInt64 = RetentionRules().freeBytes
    @Option(help: "Entries that each device of a circle may have.")
    var deviceEntries: UInt64 = RetentionRules().deviceEntries

    /// A store with what belongs to it.
    struct Opened {
        let store: any RelayMaintenance
        let mailboxes: any Mailboxes
        let lock: FolderLock?
        /// Why devices are not asked yet for chunks that a folder may have lost; nil if they are.
        let unrenewed: (any Error)?
    }

    /// - Parameter serving: whether to hold the folder for this process alone.
    func open(serving: Bool) async throws -> Opened {
        umask(0o077)
        var rules = RetentionRules()
        rules.circleBytes = circleBytes
        rules.totalBytes = totalBytes
        rules.freeBytes = freeBytes
        rules.deviceEntries = deviceEntries
        if let address = try database() {
            let (store, mailboxes) = try await SQLRelayStore.postgres(address, rules: rules)
            return Opened(store: store, mailboxes: mailboxes, lock: nil, unrenewed: nil)
        }
        guard let dir else { throw RelayProcessError.option("--dir or a database is needed") }
        if serving {
            do {
                try FileManager.default.createDirectory(
                    atPath: dir, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw RelayProcessError.file(dir, "the folder cannot be made")
            }
        } else if !FileManager.default.fileExists(atPath: dir + "/relay.db") {
            throw RelayProcessError.noStore(dir)
        }
        let lock = serving ? try FolderLock(folder: dir) : nil
        let store = try SQLRelayStore(folder: dir, rules: rules, isAlone: serving)
        var unrenewed: (any Error)?
        if serving {
            do {
                // The folder may be an older copy of itself, which only devices can tell.
                try await store.renewChunkGeneration()
            } catch {
                // A disk that is full keeps no relay from serving what it has.
                unrenewed = error
            }
        }
        return Opened(store: store, mailboxes: MemoryMailboxes(), lock: lock, unrenewed: unrenewed)
    }

    /// What names the store in a command, with a space before it; nothing if the environment does.
    var arguments: String {
        if let databaseFile { return " --database-file \(databaseFile)" }
        return dir.map { " --dir \($0)" } ?? ""
    }

    /// The database's address, which may hold a password and so is no argument.
    private func database() throws -> String? {
        if let databaseFile {
            guard let text = try? String(contentsOfFile: databaseFile, encoding: .utf8) else {
                throw RelayProcessError.file(databaseFile, "it cannot be read")
            }
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return ProcessInfo.processInfo.environment["ATTUNE_RELAY_DATABASE"]
    }
}
