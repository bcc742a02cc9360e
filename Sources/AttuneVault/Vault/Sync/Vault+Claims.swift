// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// What the devices of the circle say of adapters, versions and their bytes, each for itself.
///
/// An id is only a name that anybody can say. An adapter is known by its id and its base; a run of bytes by all that is
/// said of it and of the version that it is for. So two that share an id lie side by side, whoever spoke first. Of one
/// version every device has its claim; all their bytes are fetched, and the claim counts whose bytes give the id.
extension Vault {
    /// The claims of a version `v` that may count: of each device of the logs the newest that was not refused.
    ///
    /// Looked up device by device: however often one of them repeats itself, there are no more than devices.
    private static let standing =
        "entry_heads d CROSS JOIN claims c ON c.entry = (\(newest("entry", version: "v.seq", device: "d.device")))"

    /// The query of a column of the newest claim of a device of a version that was not refused.
    private static func newest(_ column: String, version: String, device: String) -> String {
        """
        SELECT n.\(column) FROM claims n WHERE n.version = \(version) AND n.device = \(device) AND n.refused = 0
        ORDER BY n.lamport DESC, n.entry DESC LIMIT 1
        """
    }

    /// The blobs that may hold the bytes of the versions of `v` and of blob `b` shown, as a query of one column.
    static func candidates(_ condition: String) -> String {
        """
        SELECT v.blob FROM versions v WHERE \(condition)
        UNION SELECT c.blob FROM versions v JOIN blobs s ON s.id = v.blob CROSS JOIN \(standing)
        WHERE s.state <> \(BlobState.here) AND \(condition)
        """
    }

    // MARK: Adapters

    /// The id that an adapter has here, by the id that devices use and its base; that of a new one if there is none.
    static func localAdapter(_ database: Database, _ wire: AdapterID, base: BaseID) throws -> AdapterID {
        let known = try AdapterID.fetchOne(
            database,
            cached: """
                SELECT id FROM adapters WHERE (wire = :wire OR id = :wire AND wire IS NULL) AND base = :base
                """, arguments: ["wire": wire, "base": base])
        if let known { return known }
        let isTaken = try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM adapters WHERE id = ?)", arguments: [wire])
        return isTaken == true ? id("adapter", [wire.bytes, base.bytes]) : wire
    }

    /// The adapter that a device means by an id: the one it has versions of, else the one that was spoken of first.
    ///
    /// - Parameter version: where it names a version, the one that has this.
    static func localAdapter(
        _ database: Database, _ wire: AdapterID, meantBy device: DeviceID, version: VersionID? = nil
    ) throws -> AdapterID {
        let found = try AdapterID.fetchOne(
            database,
            cached: """
                SELECT a.id FROM adapters a WHERE a.wire = :wire OR a.id = :wire AND a.wire IS NULL
                ORDER BY
                    EXISTS (SELECT 1 FROM versions v WHERE v.adapter = a.id AND v.id = :version) DESC,
                    EXISTS (SELECT 1 FROM claims c JOIN versions v ON v.seq = c.version
                        WHERE v.adapter = a.id AND c.device = :device) DESC,
                    (SELECT MIN(e.lamport) FROM events e WHERE e.adapter = a.id AND e.kind = 'version'), a.id
                LIMIT 1
                """, arguments: ["wire": wire, "device": device, "version": version])
        return found ?? wire
    }

    func insertAdapter(
        _ database: Database, wire: AdapterID, local: AdapterID, name: String, base: BaseID, created: Int64
    ) throws {
        try database.execute(
            cached: "INSERT INTO adapters (id, name, base, created, wire) VALUES (?, ?, ?, ?, ?)",
            arguments: [local, name, base, created, local == wire ? nil : wire])
    }

    // MARK: Bytes

    /// The blob here that is what `packet` says of the bytes of this version; listed now if it was not.
    func blob(_ database: Database, _ packet: BlobPacket, of version: VersionPacket) throws -> BlobID {
        let chunks = packet.chunks.flatMap(\.bytes)
        let sizes = "\(packet.size) \(packet.encodedSize) \(packet.codec.rawValue)"
        let own: BlobID = Self.id(
            "blob",
            [
                packet.id.bytes, packet.key, packet.digest.bytes, Array(sizes.utf8), chunks, version.id.bytes,
                Array(version.manifest.utf8),
            ])
        func isHere(_ id: BlobID) throws -> Bool {
            try Bool.fetchOne(database, cached: "SELECT EXISTS (SELECT 1 FROM blobs WHERE id = ?)", arguments: [id])
                ?? true
        }
        // Whoever says the id first has it here as it is; what another says under it is known by all of it.
        if try isHere(own) { return own }
        let isTaken = try isHere(packet.id)
        if isTaken {
            let known = try StoredBlob.fetch(database, id: packet.id)
            // The same bytes said to be another version are judged by themselves.
            let isSame = try Bool.fetchOne(
                database,
                cached: """
                    SELECT EXISTS (SELECT 1 FROM versions
                        WHERE blob = :blob AND id = :id AND manifest = :manifest)
                    OR EXISTS (SELECT 1 FROM claims c JOIN versions v ON v.seq = c.version
                        WHERE c.blob = :blob AND v.id = :id AND c.manifest = :manifest)
                    """,
                arguments: ["blob": known.id, "id": version.id, "manifest": version.manifest])
            if isSame == true, known.sealedID == packet.id, known.key == packet.key, known.chunks == packet.chunks,
                known.digest == packet.digest, known.size == packet.size, known.encodedSize == packet.encodedSize,
                known.codec == packet.codec
            {
                return known.id
            }
        }
        try StoredBlob(
            id: isTaken ? own : packet.id, wire: isTaken ? packet.id : nil, key: packet.key, size: packet.size,
            encodedSize: packet.encodedSize, codec: packet.codec, digest: packet.digest, chunks: packet.chunks,
            state: .remote
        ).insert(database)
        return isTaken ? own : packet.id
    }

    /// An id that stands for all of these together.
    private static func id<Kind: ShortKind>(_ domain: String, _ parts: [[UInt8]]) -> Identifier<Kind> {
        var writer = ByteWriter()
        for part in [Array(domain.utf8)] + parts {
            writer.bigEndian(UInt64(part.count))
            writer.append(part)
        }
        return Identifier(startOf: BLAKE2b.hash(writer.bytes))
    }

    // MARK: Claims

    /// Notes what an entry says of a version: refused at once where it says bytes that were refused.
    func insertClaim(
        _ database: Database, version row: Int64, _ packet: VersionPacket, blob: BlobID, _ context: EntryContext
    ) throws {
        try database.execute(
            cached: """
                INSERT OR IGNORE INTO claims
                    (entry, version, device, lamport, manifest, parents, created, loss_before, loss_after, blob, refused)
                SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, id, state = \(BlobState.refused) FROM blobs WHERE id = ?
                """,
            arguments: [
                context.entry, row, context.device, Int64(clamping: context.lamport), packet.manifest,
                try storedJSON(packet.parents), Int64(clamping: packet.created), packet.lossBefore, packet.lossAfter,
                blob,
            ])
    }

    /// Bytes that only an earlier claim of a device is about are not fetched any more, now that it has a newer one.
    func dropEarlierClaim(_ database: Database, version row: Int64, of device: DeviceID) throws {
        try database.execute(
            cached: """
                UPDATE blobs SET wanted = 0 WHERE state = \(BlobState.remote)
                    AND id = (\(Self.newest("blob", version: ":row", device: ":device")) OFFSET 1)
                """, arguments: ["row": row, "device": device])
    }

    /// Shows the claim of a version that counts, unless its bytes are here and proven.
    ///
    /// - Parameter blob: the bytes that it has to be of; nil if any.
    func showClaim(_ database: Database, version row: Int64, blob: BlobID? = nil) throws {
        let isProven = try Bool.fetchOne(
            database,
            cached: "SELECT b.state = \(BlobState.here) FROM versions v JOIN blobs b ON b.id = v.blob WHERE v.seq = ?",
            arguments: [row])
        guard isProven == false, let claim = try Self.shownClaim(database, version: row, blob: blob) else { return }
        try database.execute(
            cached: """
                UPDATE versions SET blob = ?, manifest = ?, parents = ?, created = ?, loss_before = ?, loss_after = ?
                WHERE seq = ?
                """,
            arguments: [
                claim["blob"], claim["manifest"], claim["parents"], claim["created"], claim["loss_before"],
                claim["loss_after"], row,
            ])
    }

    /// Tells the history of a version anew, by those who still count; its bytes stay, being proven.
    func retell(_ database: Database, version row: Int64) throws {
        guard let claim = try Self.shownClaim(database, version: row) else { return }
        try database.execute(
            cached: "UPDATE versions SET parents = ?, created = ?, loss_before = ?, loss_after = ? WHERE seq = ?",
            arguments: [claim["parents"], claim["created"], claim["loss_before"], claim["loss_after"], row])
    }

    private static func shownClaim(_ database: Database, version row: Int64, blob: BlobID? = nil) throws -> Row? {
        let rows = try Row.fetchAll(
            database, cached: "SELECT c.* FROM versions v CROSS JOIN \(standing) WHERE v.seq = ?", arguments: [row])
        let claims = try rows.map {
            (
                row: $0, place: try $0.precedence(), blob: try $0.value("blob", as: BlobID.self)
            )
        }
        return Precedence.shown(claims.filter { blob == nil || $0.blob == blob }, by: \.place)?.row
    }

    /// Bytes of the other claims of a version are not fetched any more.
    func dropRivals(_ database: Database, ofVersion row: Int64) throws {
        try database.execute(
            cached: """
                UPDATE blobs SET wanted = 0
                WHERE state = \(BlobState.remote) AND id IN (SELECT blob FROM claims WHERE version = :row)
                    AND id <> (SELECT blob FROM versions WHERE seq = :row)
                """, arguments: ["row": row])
    }

    static func claimedBlobs(_ database: Database, ofVersion row: Int64) throws -> [BlobID] {
        try Row.fetchAll(database, sql: "SELECT DISTINCT blob FROM claims WHERE version = ?", arguments: [row])
            .map { try $0.value("blob", as: BlobID.self) }
    }

    /// The versions of which some claim's bytes arrived and were not looked at, each as that claim has it.
    static func arrivals(_ database: Database) throws -> [VersionRecord] {
        let shown = try versions(database, "b.state = \(BlobState.arrived)", [])
        let claimed = try Row.fetchAll(
            database,
            sql: """
                SELECT v.seq, v.id, v.adapter, v.number, v.run, c.manifest, c.parents, c.created, c.loss_before,
                    c.loss_after, c.blob, \(versionColumns)
                FROM claims c JOIN versions v ON v.seq = c.version JOIN adapters a ON a.id = v.adapter
                    JOIN blobs b ON b.id = c.blob JOIN blobs s ON s.id = v.blob
                WHERE b.state = \(BlobState.arrived) AND s.state <> \(BlobState.here) AND c.blob <> v.blob
                    AND c.entry = (\(newest("entry", version: "c.version", device: "c.device")))
                GROUP BY v.seq, c.blob ORDER BY a.seq, v.number, c.lamport
                """
        ).map(record)
        return shown + claimed
    }
}
