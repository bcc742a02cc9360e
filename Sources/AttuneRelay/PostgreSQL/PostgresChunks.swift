// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import NIOCore

/// The bytes of chunks in a table: a MiB each at the most, uncompressed, as ciphertext does not shrink.
struct PostgresChunks: ChunkBytes {
    let database: PostgresDatabase

    static let tables = [
        """
        CREATE TABLE chunk_bytes (
            circle BIGINT NOT NULL, id BYTEA NOT NULL, bytes BYTEA NOT NULL, PRIMARY KEY (circle, id),
            FOREIGN KEY (circle, id) REFERENCES chunks (circle, id) ON DELETE CASCADE)
        """,
        "ALTER TABLE chunk_bytes ALTER COLUMN bytes SET STORAGE EXTERNAL",
    ]

    /// The bytes go with the row that counts them.
    func prepare(_ bytes: ByteBuffer, id: ChunkID) async throws {}

    func keep(_ bytes: ByteBuffer, id: ChunkID, circle: Int64, in session: any SQLSession) throws -> Bool {
        try session.run(
            "INSERT INTO chunk_bytes (circle, id, bytes) VALUES ($1, $2, $3)",
            [.int(circle), .id(id), .bytes(Array(bytes.readableBytesView))])
        return true
    }

    func read(_ id: ChunkID, of circle: CircleID, number: Int64) async throws -> ByteBuffer? {
        try await database.read(circle) { session in
            try session.first(
                "SELECT bytes FROM chunk_bytes WHERE circle = $1 AND id = $2", [.int(number), .id(id)]
            ).map { ByteBuffer(bytes: $0.bytes(0)) }
        }
    }

    /// The row that counted them took them along.
    func remove(_ id: ChunkID, in session: any SQLSession) throws {}

    func size(_ id: ChunkID, circle: Int64, in session: any SQLSession) throws -> Int {
        let row = try session.first(
            "SELECT CAST(LENGTH(bytes) AS BIGINT) FROM chunk_bytes WHERE circle = $1 AND id = $2",
            [.int(circle), .id(id)])
        return Int(row?.int(0) ?? 0)
    }

    func isWhole(_ id: ChunkID, circle: Int64, in session: any SQLSession) throws -> Bool {
        let row = try session.first(
            "SELECT bytes FROM chunk_bytes WHERE circle = $1 AND id = $2", [.int(circle), .id(id)])
        return row.map { ChunkID(WireHash.blake2b($0.bytes(0), personal: "")) == id } ?? true
    }

    /// There are none without a row that counts them.
    func unclaimedSize(_ id: ChunkID, in session: any SQLSession) throws -> Int { 0 }

    func discard(_ id: ChunkID, circle: Int64, in session: any SQLSession) throws {
        try session.run("DELETE FROM chunk_bytes WHERE circle = $1 AND id = $2", [.int(circle), .id(id)])
    }

    func sweep(before date: Date, database: any RelayDatabase) async throws {}
}
