// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Keeps what the devices of the circle say of adapters, versions and their bytes, each for itself.
///
/// An id is only a name that anybody can say. An adapter is known by its id and its base; a run of bytes by all that is
/// said of it and of the version that it is for. So two that share an id lie side by side, whoever spoke first. Of one
/// version every device has its claim; all their bytes are fetched, and the claim counts whose bytes give the id.
enum ClaimTable {
    /// Queries the claims of a version `v` that may count: of each device of the logs the newest that was not refused.
    ///
    /// Looked up device by device: however often one of them repeats itself, there are no more than devices.
    private static let standing =
        "entry_heads d CROSS JOIN claims c ON c.entry = (\(newest("entry", version: "v.seq", device: "d.device")))"

    /// Queries a column of the newest claim of a device of a version that was not refused.
    private static func newest(_ column: String, version: String, device: String) -> String {
        """
        SELECT n.\(column) FROM claims n WHERE n.version = \(version) AND n.device = \(device) AND n.refused = 0
        ORDER BY n.lamport DESC, n.entry DESC LIMIT 1
        """
    }

    /// Queries the blobs that may hold the bytes of the versions of `v` and of blob `b` shown, in one column.
    static func candidates(_ condition: String) -> String {
        """
        SELECT v.blob FROM versions v WHERE \(condition)
        UNION SELECT c.blob FROM versions v JOIN blobs s ON s.id = v.blob CROSS JOIN \(standing)
        WHERE s.state <> \(BlobState.here) AND \(condition)
        """
    }

    /// Finds the blob here that is what `packet` says of the bytes of this version; listed now if it was not.
    static func blob(_ database: Database, _ packet: BlobPacket, of version: VersionPacket) throws -> BlobID {
        let chunks = packet.chunks.flatMap(\.bytes)
        let sizes = "\(packet.size) \(packet.encodedSize) \(packet.codec.rawValue)"
        let own: BlobID = Self.id(
            "blob",
            [
                packet.id.bytes, packet.key, packet.digest.bytes, Array(sizes.utf8), chunks, version.id.bytes,
                Array(version.manifest.utf8),
            ])
        // Whoever says the id first has it here as it is; what another says under it is known by all of it.
        if try StoredBlob.isListed(database, own) { return own }
        let isTaken = try StoredBlob.isListed(database, packet.id)
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

    /// Makes an id that stands for all of these together.
    static func id<Kind: ShortKind>(_ domain: String, _ parts: [[UInt8]]) -> Identifier<Kind> {
        var writer = ByteWriter()
        for part in [Array(domain.utf8)] + parts {
            writer.bigEndian(UInt64(part.count))
            writer.append(part)
        }
        return Identifier(startOf: BLAKE2b.hash(writer.bytes))
    }

    /// Notes what an entry says of a version: refused at once where it says bytes that were refused.
    static func insert(
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

    /// Stops fetching bytes that only an earlier claim of a device is about, now that it has a newer one.
    static func dropEarlier(_ database: Database, version row: Int64, of device: DeviceID) throws {
        try PinTable.setWanted(
            database, false, "id = (\(newest("blob", version: ":row", device: ":device")) OFFSET 1)",
            ["row": row, "device": device])
    }

    /// Shows the claim of a version that counts, unless its bytes are here and proven.
    ///
    /// - Parameter blob: the bytes that it has to be of; nil if any.
    static func show(_ database: Database, version row: Int64, blob: BlobID? = nil) throws {
        guard let state = try VersionTable.state(database, version: row), state != .here,
            let claim = try shownClaim(database, version: row, blob: blob)
        else { return }
        try VersionTable.show(database, version: row, as: claim)
    }

    /// Tells the history of a version anew, by those who still count; its bytes stay, being proven.
    static func retell(_ database: Database, version row: Int64) throws {
        guard let claim = try shownClaim(database, version: row) else { return }
        try VersionTable.retell(database, version: row, as: claim)
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

    /// Stops fetching bytes of the other claims of a version.
    static func dropRivals(_ database: Database, ofVersion row: Int64) throws {
        let rivals = """
            id IN (SELECT blob FROM claims WHERE version = :row) AND id <> (SELECT blob FROM versions WHERE seq = :row)
            """
        try PinTable.setWanted(database, false, rivals, ["row": row])
    }

    static func blobs(_ database: Database, ofVersion row: Int64) throws -> [BlobID] {
        try Row.fetchAll(database, sql: "SELECT DISTINCT blob FROM claims WHERE version = ?", arguments: [row])
            .map { try $0.value("blob") }
    }

    /// Lists the versions of which some claim's bytes arrived and were not looked at, each as that claim has it.
    static func arrivals(_ database: Database) throws -> [VersionRecord] {
        let shown = try VersionTable.select(database, "b.state = \(BlobState.arrived)", [])
        let claimed = try Row.fetchAll(
            database,
            sql: """
                SELECT v.seq, v.id, v.adapter, v.number, v.run, c.manifest, c.parents, c.created, c.loss_before,
                    c.loss_after, c.blob, \(VersionTable.columns)
                FROM claims c JOIN versions v ON v.seq = c.version JOIN adapters a ON a.id = v.adapter
                    JOIN blobs b ON b.id = c.blob JOIN blobs s ON s.id = v.blob
                WHERE b.state = \(BlobState.arrived) AND s.state <> \(BlobState.here) AND c.blob <> v.blob
                    AND c.entry = (\(newest("entry", version: "c.version", device: "c.device")))
                GROUP BY v.seq, c.blob ORDER BY a.seq, v.number, c.lamport
                """
        ).map(VersionTable.record)
        return shown + claimed
    }

    /// Lists the blobs that a version or a claim of an adapter is about.
    static func blobs(_ database: Database, ofAdapter adapter: AdapterID) throws -> [BlobID] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT blob FROM versions WHERE adapter = :id
                UNION SELECT c.blob FROM claims c JOIN versions v ON v.seq = c.version WHERE v.adapter = :id
                """, arguments: ["id": adapter]
        ).map { try $0.value("blob") }
    }

    /// Lists the blobs that claims of these entries are about.
    ///
    /// - Parameter entries: the query of their hashes.
    static func blobs(
        _ database: Database, saidIn entries: String, _ arguments: StatementArguments
    ) throws -> [BlobID] {
        try Row.fetchAll(
            database, sql: "SELECT DISTINCT blob FROM claims WHERE entry IN (\(entries))", arguments: arguments
        ).map { try $0.value("blob") }
    }

    /// Lists the versions that claims of these entries are about.
    static func versions(
        _ database: Database, saidIn entries: String, _ arguments: StatementArguments
    ) throws -> [Int64] {
        try Int64.fetchAll(
            database, sql: "SELECT DISTINCT version FROM claims WHERE entry IN (\(entries))", arguments: arguments)
    }

    /// Lists the versions whose history is shown as claims of these entries tell it.
    static func versionsTold(
        _ database: Database, in entries: String, _ arguments: StatementArguments
    ) throws -> Set<Int64> {
        try Int64.fetchSet(
            database,
            sql: """
                SELECT v.seq FROM claims c JOIN versions v ON v.seq = c.version
                WHERE c.entry IN (\(entries)) AND v.parents = c.parents AND v.created = c.created
                    AND v.loss_before IS c.loss_before AND v.loss_after IS c.loss_after
                """, arguments: arguments)
    }

    static func drop(_ database: Database, saidIn entries: String, _ arguments: StatementArguments) throws {
        try database.execute(sql: "DELETE FROM claims WHERE entry IN (\(entries))", arguments: arguments)
    }

    static func refuse(_ database: Database, _ version: VersionRecord) throws {
        try database.execute(
            sql: "UPDATE claims SET refused = 1 WHERE version = ? AND blob = ?",
            arguments: [version.row, version.blob])
    }

    static func isClaimed(_ database: Database, version row: Int64) throws -> Bool {
        try Bool.fetchOne(
            database, cached: "SELECT EXISTS (SELECT 1 FROM claims WHERE version = ?)", arguments: [row]) ?? true
    }
}
