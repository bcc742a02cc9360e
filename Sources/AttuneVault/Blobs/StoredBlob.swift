// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB

/// A run of bytes that lies in sealed chunk files, and the key to them.
struct StoredBlob: Equatable {
    /// Random for what was made here.
    let id: BlobID
    /// The id that its bytes are sealed with; nil if it is `id`.
    var wire: BlobID?
    /// 32 random bytes of its own, so that equal contents cannot be told from different ones.
    let key: [UInt8]
    /// Bytes before encoding.
    let size: Int
    /// Bytes after encoding, before padding and sealing.
    let encodedSize: Int
    let codec: BlobCodec
    /// BLAKE2b-256 of those bytes.
    let digest: Digest256
    /// Chunk ids in order.
    let chunks: [ChunkID]
    var state = BlobState.here

    /// The id that its chunks are sealed with, and that other devices know it by.
    var sealedID: BlobID { wire ?? id }

    func insert(_ database: Database) throws {
        try database.execute(
            cached: """
                INSERT INTO blobs (id, key, size, digest, codec, encoded_size, state, wire)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, Data(key), size, digest, codec, encodedSize, state,
                wire,
            ])
        for (position, chunk) in chunks.enumerated() {
            try database.execute(
                cached: "INSERT INTO chunks (blob, position, id) VALUES (?, ?, ?)",
                arguments: [id, position, chunk])
        }
    }

    static func isListed(_ database: Database, _ id: BlobID) throws -> Bool {
        try Bool.fetchOne(database, cached: "SELECT EXISTS (SELECT 1 FROM blobs WHERE id = ?)", arguments: [id]) ?? true
    }

    static func fetch(_ database: Database, id: BlobID) throws -> StoredBlob {
        guard let row = try Row.fetchOne(database, cached: "SELECT * FROM blobs WHERE id = ?", arguments: [id])
        else { throw VaultError.damaged("a run of bytes is not listed") }
        let rows = try Row.fetchAll(
            database, cached: "SELECT id FROM chunks WHERE blob = ? ORDER BY position", arguments: [id])
        let size = try row.value("size", as: Int.self)
        return StoredBlob(
            id: id, wire: try row.optional("wire"), key: try row.bytes("key"),
            size: size, encodedSize: try row.optional("encoded_size") ?? size,
            codec: try row.value("codec"), digest: try row.value("digest"),
            chunks: try rows.map { try $0.value("id") },
            state: try row.value("state"))
    }

    /// Forgets the blob unless a version, a run or something received still needs it; the ids of chunk files that nothing needs any more.
    static func release(_ database: Database, id: BlobID) throws -> [ChunkID] {
        let needed =
            try Bool.fetchOne(
                database,
                cached: """
                    SELECT EXISTS (SELECT 1 FROM versions WHERE blob = :id)
                        OR EXISTS (SELECT 1 FROM claims WHERE blob = :id)
                        OR EXISTS (SELECT 1 FROM runs WHERE checkpoint = :id)
                        OR EXISTS (SELECT 1 FROM received WHERE blob = :id)
                    """, arguments: ["id": id]) ?? true
        guard !needed else { return [] }
        let rows = try Row.fetchAll(database, cached: "SELECT id FROM chunks WHERE blob = ?", arguments: [id])
        try database.execute(cached: "DELETE FROM blobs WHERE id = ?", arguments: [id])
        return try rows.map { try $0.value("id", as: ChunkID.self) }.filter { chunk in
            try
                !(Bool.fetchOne(
                    database, cached: "SELECT EXISTS (SELECT 1 FROM chunks WHERE id = ?)", arguments: [chunk]) ?? true)
        }
    }

    /// Ids of all chunk files that the store needs.
    static func allChunks(_ database: Database) throws -> Set<ChunkID> {
        Set(try Row.fetchAll(database, sql: "SELECT DISTINCT id FROM chunks").map { try $0.value("id") })
    }
}
