// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB
import Synchronization

/// The encrypted store of one person on one device: adapters, documents, runs, chats and the log of operations.
///
/// One folder, mode 0700: `vault.key` wraps the key, `attune.db` is a SQLite database whose every page is sealed, with
/// its newest changes in `attune.db-wal` while the store is in use; `attune.mark` tells which change was the newest,
/// `chunks/` holds the bytes of versions and checkpoints. Every method is synchronous, and each is one transaction:
/// it happens whole or not at all, also when the process is killed. Any thread may call.
///
/// All methods throw `VaultError`; those that change something throw E-VAULT-010 on a store opened for reading and
/// E-VAULT-006 (exit 7) when the disk is full.
package final class Vault: Sendable {
    /// What a command is going to do with the store.
    package enum Mode: Sendable {
        /// Any number of processes at a time, also while another one writes.
        case reading
        /// One process at a time.
        case writing
    }

    /// Tells the time for records; its jumps do no harm.
    package typealias Clock = @Sendable () -> Date

    package let mode: Mode
    let folder: StoreFolder
    let database: any DatabaseWriter
    let lock: StoreLock
    let chunks: ChunkStore
    let key: SecretBytes
    let now: Clock
    let arrivals = Arrivals()
    let looks = KnownLooks()
    let mark: StoreMark
    let isOpen = Atomic<Bool>(true)
    /// When the log was last emptied, and why it could not be.
    let emptied = Mutex(Emptied())
    /// False if the store was neither closed before nor is in use, or was behind its mark: what nothing refers to may
    /// be wanted yet.
    let clearsAway: Bool
    /// Names the changes of this opening among all others.
    private let writer = ChunkStore.randomID()
    /// Keeps the database's key known below; nil if the database is not sealed.
    private let seal: SealedDatabase?

    /// Wraps a database that is open and up to date, on whatever file system layer.
    init(
        folder: StoreFolder, database: any DatabaseWriter, lock: StoreLock, mode: Mode, key: consuming SecretBytes,
        now: @escaping Clock, seal: SealedDatabase?, clearsAway: Bool = true
    ) {
        self.folder = folder
        self.database = database
        self.lock = lock
        self.mode = mode
        mark = StoreMark(folder: folder, key: key)
        self.key = key
        self.now = now
        self.seal = seal
        self.clearsAway = clearsAway
        chunks = ChunkStore(folder: folder)
    }

    deinit {
        try? close()
    }

    /// The store's folder.
    package var path: String { folder.path }

    /// Runs `body` on one consistent state.
    func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try translating { try database.read(body) }
    }

    /// Runs `body` in one transaction, which an error rolls back; where it changed anything, the mark follows.
    func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
        guard mode == .writing else { throw VaultError.readingOnly }
        return try lock.during {
            var position: StorePosition?
            let value = try translating {
                try database.write { database in
                    let before = database.totalChangesCount
                    let value = try body(database)
                    if database.totalChangesCount != before {
                        position = try StorePosition.advance(
                            database, writer: writer, at: Timestamp.milliseconds(now()))
                    }
                    return value
                }
            }
            // The commit is on disk by now: synchronous = FULL.
            if let position { mark.advance(to: position, hold: lock.hold) }
            return value
        }
    }

    /// - Throws: `VaultError` E-VAULT-010, or E-VAULT-002 if another process took the lock meanwhile.
    func requireWriting() throws {
        guard mode == .writing else { throw VaultError.readingOnly }
        try lock.acquire()
    }

    /// Runs `body` on the writing connection, outside of any transaction.
    func outsideTransaction<Value>(_ body: (Database) throws -> Value) throws -> Value {
        guard mode == .writing else { throw VaultError.readingOnly }
        return try lock.during { try translating { try database.writeWithoutTransaction(body) } }
    }

    /// Runs the transaction that lists `blob`; if it fails for sure, the chunk files go again.
    func keeping<Value>(_ blob: StoredBlob, _ body: (Database) throws -> Value) throws -> Value {
        do {
            return try write(body)
        } catch {
            // After a failed sync nobody can tell whether the commit is on disk: the next opening finds out.
            let isUncertain = ((error as? VaultError)?.cause as? DatabaseError)?.resultCode == .SQLITE_IOERR
            if !isUncertain { chunks.remove(blob.chunks) }
            throw error
        }
    }

    func translating<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw VaultError.database(error) {
                self.mode == .writing && DurableFile.isDiskFull(probing: self.folder.staging + "/probe")
            }
        } catch is RowDecodingError {
            throw VaultError.otherKindOfValue
        }
    }
}

/// Reaches the tables, one for each family of what is kept.
///
/// A statement stands with the table whose rows it gives or changes. What opens a transaction owns it: a static function
/// that takes a `Database` is a step of one. What spans tables has one owner: `EventTable` for what other devices say,
/// `EntryTable` for what no longer counts, `AdapterTable` for where a name points, `PinTable` for which bytes are wanted,
/// `TrashTable` for what is removed or erased, `Journal` for what is undone.
extension Vault {
    package var settings: SettingTable { SettingTable(vault: self) }
    package var documents: DocumentTable { DocumentTable(vault: self) }
    package var chats: ChatTable { ChatTable(vault: self) }
    package var runs: RunTable { RunTable(vault: self) }
    package var people: PeopleTable { PeopleTable(vault: self) }
    package var adapters: AdapterTable { AdapterTable(vault: self) }
    package var versions: VersionTable { VersionTable(vault: self) }
    package var received: ReceivedTable { ReceivedTable(vault: self) }
    package var journal: Journal { Journal(vault: self) }
    package var trash: TrashTable { TrashTable(vault: self) }
    package var events: EventTable { EventTable(vault: self) }
    package var entries: EntryTable { EntryTable(vault: self) }
    package var blobs: BlobTable { BlobTable(vault: self) }
    package var pins: PinTable { PinTable(vault: self) }
    package var circle: CircleTable { CircleTable(vault: self) }
    package var remotes: RemoteTable { RemoteTable(vault: self) }
    package var evidence: EvidenceTable { EvidenceTable(vault: self) }
    package var syncLog: SyncLogTable { SyncLogTable(vault: self) }
}
