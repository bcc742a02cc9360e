// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import NIOCore

/// Files serve all circles that have the same chunk; rows say who has it.
extension ChunkFiles: ChunkBytes {
    func prepare(_ bytes: ByteBuffer, id: ChunkID) async throws {
        // What a lost database or a failing disk left there may be anything.
        try await RelayThreads.run { if try isIntact(id) != true { try write(bytes, id: id) } }
    }

    func keep(_ bytes: ByteBuffer, id: ChunkID, circle: Int64, in session: any SQLSession) throws -> Bool {
        try size(id) == bytes.readableBytes
    }

    func read(_ id: ChunkID, of circle: CircleID, number: Int64) async throws -> ByteBuffer? {
        try await RelayThreads.run(for: circle) { try read(id) }
    }

    func remove(_ id: ChunkID, in session: any SQLSession) throws {
        if try !session.exists("SELECT 1 FROM chunks WHERE id = $1 AND size > 0", [.id(id)]) { remove(id) }
    }

    func size(_ id: ChunkID, circle: Int64, in session: any SQLSession) throws -> Int { try size(id) ?? 0 }

    func unclaimedSize(_ id: ChunkID, in session: any SQLSession) throws -> Int {
        // Of another circle's chunks nobody learns by naming them that they are here.
        guard try !session.exists("SELECT 1 FROM chunks WHERE id = $1 AND size > 0", [.id(id)]),
            let size = try size(id), WireLimits.isChunk(size), try isIntact(id) == true
        else { return 0 }
        return size
    }

    func isWhole(_ id: ChunkID, circle: Int64, in session: any SQLSession) throws -> Bool {
        try isIntact(id) ?? true
    }

    func discard(_ id: ChunkID, circle: Int64, in session: any SQLSession) throws { try setAside(id) }

    func sweep(before date: Date, database: any RelayDatabase) async throws {
        let old = try await RelayThreads.run {
            removeDamaged(before: date)
            return names(before: date)
        }
        for start in stride(from: 0, to: old.count, by: 256) {
            let names = old[start..<min(start + 256, old.count)]
            try await database.write(nil) { session in
                for id in names { try remove(id, in: session) }
            }
        }
    }
}
