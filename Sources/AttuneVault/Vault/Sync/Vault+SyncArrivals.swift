// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Versions of other devices from the moment that their last chunk is here.
extension Vault {
    /// The kind of evidence that `judge` keeps of a version that is refused.
    package static let refusedTensors = "tensors"

    /// Versions from other devices whose bytes arrived and that nobody looked at yet.
    package func arrivedVersions() throws -> [VersionRecord] {
        // Of a run of bytes that another one shares its chunks with, they may have been here before it was heard of.
        if mode == .writing { try settleWhatIsHere("AND wire IS NOT NULL") }
        return try read { try Self.arrivals($0) }
    }

    /// Versions that were refused after their bytes had arrived.
    package func refusedVersions() throws -> [VersionRecord] {
        try read { try Self.versions($0, "b.state = \(BlobState.refused)", []) }
    }

    /// Says what was found in a version that arrived: it is as good as one made here, or refused for good.
    ///
    /// One that is sound is shown with what its claim says. Of one that is not, another device's claim takes the place,
    /// if there is one. A refused one is set apart: it is no head, the name goes back to what it was made from, and the signed entry that
    /// brought it is kept as evidence. Nothing else is held up by it.
    ///
    /// - Returns: for a refused one, whose entry it was; nil if it came in no entry.
    @discardableResult
    package func judge(_ version: VersionRecord, isSound: Bool) throws -> (device: DeviceID, seq: UInt64)? {
        try write { database in
            try database.execute(
                sql: "UPDATE blobs SET state = ? WHERE id = ? AND state = ?",
                arguments: [isSound ? BlobState.here : .refused, version.blob, BlobState.arrived])
            guard database.changesCount == 1 else { return nil }
            let adapter = version.adapterID
            if isSound {
                // The blob that is shown may be another one, which is not proven then.
                try showClaim(database, version: version.row, blob: version.blob)
                try dropRivals(database, ofVersion: version.row)
                return nil
            }
            try database.execute(
                sql: "UPDATE claims SET refused = 1 WHERE version = ? AND blob = ?",
                arguments: [version.row, version.blob])
            try showClaim(database, version: version.row)
            try recountTips(database, adapter)
            try advance(database, adapter, isCutOff: true)
            return try keepEntry(database, of: version)
        }
    }

    /// Lets the bytes of a version that arrived be fetched again, as far as they are not those that were put down here.
    ///
    /// - Returns: false if every chunk is the one that was announced: others would not come.
    package func fetchAgain(_ version: VersionRecord) throws -> Bool {
        let blob = try read { try StoredBlob.fetch($0, id: version.blob) }
        guard blob.state == .arrived, chunks.removeChanged(blob) else { return false }
        arrivals.forget(blob.id, blob.chunks)
        try write { database in
            try database.execute(
                sql: "UPDATE blobs SET state = ?, wanted = 1 WHERE id = ? AND state = ?",
                arguments: [BlobState.remote, blob.id, BlobState.arrived])
        }
        return true
    }

    /// Keeps the entry by which a version came as evidence against its author, settled: nothing waits for a person.
    private func keepEntry(_ database: Database, of version: VersionRecord) throws -> (device: DeviceID, seq: UInt64)? {
        guard
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT n.device, n.seq, n.bytes FROM claims c JOIN entries n ON n.hash = c.entry
                    WHERE c.version = ? AND c.blob = ? ORDER BY c.lamport, c.device LIMIT 1
                    """, arguments: [version.row, version.blob])
        else { return nil }
        let device = try row.value("device", as: DeviceID.self)
        let seq = try row.value("seq", as: Int64.self)
        _ = try record(
            database,
            StoredEvidence(
                kind: Self.refusedTensors, author: device, device: device, seq: UInt64(clamping: seq), held: [],
                other: try row.bytes("bytes"), remote: "", isSettled: true, stopsNames: false))
        return (device, UInt64(clamping: seq))
    }

    /// Marks as arrived what became complete without being told, such as by a crash after the last chunk.
    package func settleWhatIsHere() throws { try settleWhatIsHere("") }

    private func settleWhatIsHere(_ condition: String) throws {
        let blobs = try read { database in
            try Row.fetchAll(
                database, sql: "SELECT id FROM blobs WHERE state = \(BlobState.remote) AND wanted = 1 \(condition)"
            ).map { try $0.value("id", as: BlobID.self) }
        }
        for blob in blobs where try chunksAbsent(of: blob).isEmpty { try settle(blob) }
    }

    func chunksAbsent(of blob: BlobID) throws -> Set<ChunkID> {
        Set(try read { try StoredBlob.fetch($0, id: blob) }.chunks.filter { !chunks.isHere($0) })
    }

    /// Makes the chunks of a blob durable, those of an earlier process checked again, and says that it has arrived.
    func settle(_ id: BlobID) throws {
        let blob = try read { try StoredBlob.fetch($0, id: id) }
        guard try chunks.makeDurable(blob.chunks, known: arrivals.verified) else { return }
        arrivals.forget(id, blob.chunks)
        try write { database in
            try database.execute(
                sql: "UPDATE blobs SET state = ?, wanted = 0 WHERE id = ? AND state = ?",
                arguments: [BlobState.arrived, id, BlobState.remote])
            try Self.offerAgain(database, id)
        }
    }
}
