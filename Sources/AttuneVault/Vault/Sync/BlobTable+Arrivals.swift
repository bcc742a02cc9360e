// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// Takes in versions of other devices from the moment that their last chunk is here.
extension BlobTable {
    /// Names the kind of evidence that `judge` keeps of a version that is refused.
    package static let refusedTensors = "tensors"

    /// Lists versions from other devices whose bytes arrived and that nobody looked at yet.
    package func arrivedVersions() throws -> [VersionRecord] {
        // Of a run of bytes that another one shares its chunks with, they may have been here before it was heard of.
        if vault.mode == .writing { try settleWhatIsHere("AND wire IS NOT NULL") }
        return try vault.read { try ClaimTable.arrivals($0) }
    }

    /// Lists versions that were refused after their bytes had arrived.
    package func refusedVersions() throws -> [VersionRecord] {
        try vault.read { try VersionTable.select($0, "b.state = \(BlobState.refused)", []) }
    }

    /// Says what was found in a version that arrived: it is as good as one made here, or refused for good.
    ///
    /// One that is sound is shown with what its claim says. Of one that is not, another device's claim takes the place,
    /// if there is one. A refused one is set apart: it is no head, the name goes back to what it was made from, and the
    /// signed entry that brought it is kept as evidence. Nothing else is held up by it.
    ///
    /// - Returns: for a refused one, whose entry it was; nil if it came in no entry.
    @discardableResult
    package func judge(_ version: VersionRecord, isSound: Bool) throws -> (device: DeviceID, seq: UInt64)? {
        try vault.write { database in
            try database.execute(
                sql: "UPDATE blobs SET state = ? WHERE id = ? AND state = ?",
                arguments: [isSound ? BlobState.here : .refused, version.blob, BlobState.arrived])
            guard database.changesCount == 1 else { return nil }
            let adapter = version.adapterID
            if isSound {
                // The blob that is shown may be another one, which is not proven then.
                try ClaimTable.show(database, version: version.row, blob: version.blob)
                try ClaimTable.dropRivals(database, ofVersion: version.row)
                return nil
            }
            try ClaimTable.refuse(database, version)
            try ClaimTable.show(database, version: version.row)
            try EventTable.recountTips(database, adapter)
            try AdapterTable.advance(database, adapter, isCutOff: true)
            return try keepEntry(database, of: version)
        }
    }

    /// Lets the bytes of a version that arrived be fetched again, as far as they are not those that were put down here.
    ///
    /// - Returns: false if every chunk is the one that was announced: others would not come.
    package func fetchAgain(_ version: VersionRecord) throws -> Bool {
        let blob = try vault.read { try StoredBlob.fetch($0, id: version.blob) }
        guard blob.state == .arrived, vault.chunks.removeChanged(blob) else { return false }
        vault.arrivals.forget(blob.id, blob.chunks)
        try vault.write { database in
            try database.execute(
                sql: "UPDATE blobs SET state = ?, wanted = 1 WHERE id = ? AND state = ?",
                arguments: [BlobState.remote, blob.id, BlobState.arrived])
        }
        return true
    }

    /// Keeps the entry by which a version came as evidence against its author, settled: nothing waits for a person.
    private func keepEntry(_ database: Database, of version: VersionRecord) throws -> (device: DeviceID, seq: UInt64)? {
        guard let (device, seq, bytes) = try EntryTable.origin(database, of: version) else { return nil }
        _ = try vault.evidence.record(
            database,
            StoredEvidence(
                kind: Self.refusedTensors, author: device, device: device, seq: seq, held: [],
                other: bytes, remote: "", isSettled: true, stopsNames: false))
        return (device, seq)
    }

    /// Marks as arrived what became complete without being told, such as by a crash after the last chunk.
    package func settleWhatIsHere() throws { try settleWhatIsHere("") }

    private func settleWhatIsHere(_ condition: String) throws {
        let blobs = try vault.read { database in
            try Row.fetchAll(
                database, sql: "SELECT id FROM blobs WHERE state = \(BlobState.remote) AND wanted = 1 \(condition)"
            ).map { try $0.value("id", as: BlobID.self) }
        }
        for blob in blobs where try chunksAbsent(of: blob).isEmpty { try settle(blob) }
    }

    func chunksAbsent(of blob: BlobID) throws -> Set<ChunkID> {
        Set(try vault.read { try StoredBlob.fetch($0, id: blob) }.chunks.filter { !vault.chunks.isHere($0) })
    }

    /// Makes the chunks of a blob durable, those of an earlier process checked again, and says that it has arrived.
    func settle(_ id: BlobID) throws {
        let blob = try vault.read { try StoredBlob.fetch($0, id: id) }
        guard try vault.chunks.makeDurable(blob.chunks, known: vault.arrivals.verified) else { return }
        vault.arrivals.forget(id, blob.chunks)
        try vault.write { database in
            try database.execute(
                sql: "UPDATE blobs SET state = ?, wanted = 0 WHERE id = ? AND state = ?",
                arguments: [BlobState.arrived, id, BlobState.remote])
            try RemoteTable.offerAgain(database, id)
        }
    }

    /// Lets the bytes of a blob be fetched, whatever is here of them.
    static func want(_ database: Database, again id: BlobID) throws {
        try database.execute(
            sql: "UPDATE blobs SET state = ?, wanted = 1 WHERE id = ?", arguments: [BlobState.remote, id])
    }

    /// Forgets that bytes are wanted, and blobs that no version, run or arrival is about.
    static func forgetClaimed(_ database: Database) throws {
        try database.execute(sql: "UPDATE blobs SET wanted = 0")
        try database.execute(
            sql: """
                DELETE FROM blobs WHERE state <> \(BlobState.here) AND id NOT IN (SELECT blob FROM versions)
                    AND id NOT IN (SELECT blob FROM received)
                    AND id NOT IN (SELECT checkpoint FROM runs WHERE checkpoint IS NOT NULL)
                """)
    }
}
