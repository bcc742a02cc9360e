// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// What the database of a state says about it.
struct BackupContents {
    /// Distinct chunks that have to be there, in order.
    let chunks: [ChunkID]
    /// `PRAGMA user_version`.
    let layout: Int
    /// The newest entry of this device in its circle's log, and the device.
    let ownHead: (LogPosition, DeviceID)?
    /// Which versions, checkpoints and arrivals a chunk is part of.
    private let users: [ChunkID: [String]]

    /// Reads the database of a state that nobody changes.
    init(of state: StoreFolder, key: borrowing SecretBytes) throws {
        let seal = try SealedDatabase(path: state.database, vaultKey: key, use: .fixed)
        defer { withExtendedLifetime(seal) {} }
        do {
            let queue = try DatabaseQueue(
                path: state.database, configuration: StoreDatabase.configuration(readonly: true))
            defer { try? queue.close() }
            self = try queue.read { try BackupContents($0) }
        } catch let error as DatabaseError {
            throw VaultError.database(error)
        }
    }

    private init(_ database: Database) throws {
        layout = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        chunks = try StoredBlob.chunksHere(database).sorted()
        var users: [ChunkID: [String]] = [:]
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT c.id AS id, a.name || '@' || v.number AS what FROM chunks c
                JOIN versions v ON v.blob = c.blob JOIN adapters a ON a.id = v.adapter
                UNION ALL SELECT c.id, 'checkpoint of run ' || r.id FROM chunks c JOIN runs r ON r.checkpoint = c.blob
                UNION ALL SELECT c.id, 'received ' || r.name FROM chunks c JOIN received r ON r.blob = c.blob
                """)
        while let row = try rows.next() { users[try row.value("id"), default: []].append(try row.value("what")) }
        self.users = users
        let identity = try CircleTable.identity(database)
        ownHead = try identity.flatMap { identity in
            try Row.fetchOne(
                database, sql: "SELECT * FROM entry_heads WHERE device = ?", arguments: [identity.device]
            ).map { (try $0.position(), identity.device) }
        }
    }

    /// What is lost with these chunks and why, one sentence for each thing, without a full stop.
    func sentences(on damage: [ChunkID: String]) -> [String] {
        var reasons: [String: [String]] = [:]
        for (id, reason) in damage.sorted(by: { $0.key < $1.key }) {
            for user in users[id] ?? ["something stored"] { reasons[user, default: []].append(reason) }
        }
        return reasons.sorted { $0.key < $1.key }.map { user, reasons in
            let others = reasons.count > 1 ? ", and \(Quantity.counted(reasons.count - 1, "more chunk file"))" : ""
            return ShownText.line("\(user): \(reasons[0])\(others)")
        }
    }

    /// The ids in the chunk list of a state.
    ///
    /// - Throws: `VaultError` E-BACKUP-004 if the list is not what the manifest says.
    static func list(of state: StoreFolder, _ manifest: BackupManifest?) throws -> [ChunkID] {
        let path = "\(state.path)/\(BackupManifest.chunkList)"
        guard let manifest, let file = manifest.files.first(where: { $0.name == BackupManifest.chunkList }),
            let bytes = try DurableFile.read(path, limit: file.bytes), BLAKE2b.hash(bytes) == file.digest
        else { throw VaultError.backupDamaged("\(path) is missing or was changed", remedy: "") }
        return ids(in: bytes)
    }

    /// The ids in a chunk list; a rest of fewer than 32 bytes is none.
    static func ids(in list: [UInt8]) -> [ChunkID] {
        stride(from: 0, to: list.count - list.count % 32, by: 32).compactMap { ChunkID(list[$0..<$0 + 32]) }
    }
}

extension StoredBlob {
    /// Ids of the chunk files of all blobs whose bytes are here.
    static func chunksHere(_ database: Database) throws -> Set<ChunkID> {
        Set(
            try Row.fetchAll(
                database,
                sql: """
                    SELECT DISTINCT c.id FROM chunks c JOIN blobs b ON b.id = c.blob
                    WHERE b.state IN (\(BlobState.here), \(BlobState.arrived))
                    """
            ).map { try $0.value("id") })
    }
}
