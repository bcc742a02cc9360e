// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension Vault {
    /// Does to this store what accepted, opened entries say, each once, in one transaction.
    ///
    /// - Returns: those that cannot be (E-VAULT-053), and why: they changed nothing and never will.
    package func apply(_ events: [(event: AdapterEvent, context: EntryContext)]) throws -> [Digest256: VaultError] {
        try write { database in
            var refused: [Digest256: VaultError] = [:]
            for (event, context) in events {
                do {
                    try database.inSavepoint {
                        try apply(database, event, context)
                        return .commit
                    }
                } catch let error as VaultError where error.exitStatus == .invalidData {
                    refused[context.entry] = error
                    try Self.mark(database, context.entry, applied: 2)
                }
            }
            return refused
        }
    }

    /// Does to this store what one accepted, opened entry says, once.
    ///
    /// - Throws: `VaultError` E-VAULT-053 for what cannot be; nothing changes then.
    package func apply(_ event: AdapterEvent, _ context: EntryContext) throws {
        try write { try apply($0, event, context) }
    }

    /// An entry of this device itself, seen again after a restore, takes the place of the draft that says the same.
    private func apply(_ database: Database, _ event: AdapterEvent, _ context: EntryContext) throws {
        let state = try Int.fetchOne(
            database, sql: "SELECT applied FROM entries WHERE hash = ?", arguments: [context.entry.data])
        guard state == 0 else { return }
        if try !adopt(database, event, context) {
            switch event {
            case .version(let packet): try apply(database, packet, context)
            case .head(let adapter, let version): try apply(database, Data(adapter), head: version, context)
            case .name(let adapter, let name): try apply(database, Data(adapter), name: name, context)
            case .trashed(let adapter, let trashed): try apply(database, Data(adapter), trashed: trashed, context)
            case .release(let versions, _): try release(database, versions)
            }
        }
        try Self.mark(database, context.entry, applied: 1)
    }

    /// Joins an own entry with the draft it was made from, if that is there again.
    private func adopt(_ database: Database, _ event: AdapterEvent, _ context: EntryContext) throws -> Bool {
        guard try Self.circleIdentity(database)?.device == context.device else { return false }
        let (adapter, kind, version, name, trashed): ([UInt8], String, Digest256?, String?, Bool?)
        switch event {
        case .version(let packet):
            (adapter, kind, version, name, trashed) = (packet.adapter, "version", packet.id, nil, nil)
        case .head(let id, let head): (adapter, kind, version, name, trashed) = (id, "head", head, nil, nil)
        case .name(let id, let text): (adapter, kind, version, name, trashed) = (id, "name", nil, text, nil)
        case .trashed(let id, let flag): (adapter, kind, version, name, trashed) = (id, "trashed", nil, nil, flag)
        case .release: return false
        }
        try database.execute(
            sql: """
                UPDATE events SET entry = ?, device = ?, lamport = ? WHERE seq = (
                    SELECT MIN(seq) FROM events WHERE entry IS NULL AND adapter = ? AND kind = ? AND version IS ?
                        AND name IS ? AND trashed IS ?)
                """,
            arguments: [
                context.entry.data, Data(context.device), Int64(clamping: context.lamport), Data(adapter), kind,
                version?.data, name, trashed,
            ])
        return database.changesCount == 1
    }

    private func apply(_ database: Database, _ packet: VersionPacket, _ context: EntryContext) throws {
        let adapter = try Data(ensureAdapter(database, packet, context))
        if try Row.fetchOne(
            database, sql: "SELECT seq FROM versions WHERE adapter = ? AND id = ?",
            arguments: [adapter, packet.id.data])
            == nil
        {
            try insertBlob(database, packet.blob)
            let taken =
                try Bool.fetchOne(
                    database, sql: "SELECT EXISTS (SELECT 1 FROM versions WHERE adapter = ? AND number = ?)",
                    arguments: [adapter, packet.number]) ?? true
            let row = try insertVersion(
                database, adapterID: adapter, id: packet.id, blob: packet.blob.id, manifest: packet.manifest,
                parents: packet.parents, run: nil, lossBefore: packet.lossBefore, lossAfter: packet.lossAfter,
                created: Int64(clamping: packet.created),
                number: taken || packet.number < 1 || packet.number > 1 << 31 ? nil : packet.number)
            _ = row
        }
        try insertEvent(
            database, adapter, kind: "version", version: packet.id,
            parents: try Self.events(database, adapter, context.parents), context: context)
        try advance(database, adapter)
    }

    private func apply(
        _ database: Database, _ adapter: Data, head: Digest256, _ context: EntryContext
    ) throws {
        try insertEvent(
            database, adapter, kind: "head", version: head,
            parents: try Self.events(database, adapter, context.parents), context: context)
        try advance(database, adapter)
    }

    /// Chunks of released versions can no longer be fetched.
    private func release(_ database: Database, _ versions: [Digest256]) throws {
        for version in versions {
            try database.execute(
                sql: "UPDATE blobs SET wanted = 0 WHERE state = 1 AND id IN (SELECT blob FROM versions WHERE id = ?)",
                arguments: [version.data])
        }
    }

    private func ensureAdapter(
        _ database: Database, _ packet: VersionPacket, _ context: EntryContext
    ) throws -> [UInt8] {
        guard packet.adapter.count == 16 else { throw VaultError.badVersion("its adapter has no id") }
        if let row = try Row.fetchOne(
            database, sql: "SELECT base FROM adapters WHERE id = ?", arguments: [Data(packet.adapter)])
        {
            guard try row.digest("base") == packet.base else {
                throw VaultError.badVersion("its adapter has another base")
            }
            return packet.adapter
        }
        let name = try freeName(database, packet.name, for: Data(packet.adapter), context)
        try database.execute(
            sql: "INSERT INTO adapters (id, name, base, created) VALUES (?, ?, ?, ?)",
            arguments: [Data(packet.adapter), name, packet.base.data, Int64(clamping: packet.created)])
        return packet.adapter
    }

    private func insertBlob(_ database: Database, _ packet: BlobPacket) throws {
        guard packet.id.count == 16, packet.key.count == 32, packet.size >= 0, packet.encodedSize >= 0,
            packet.codec == .planes || packet.encodedSize == packet.size,
            packet.size / TensorCodec.ratioLimit <= packet.encodedSize,
            ChunkSealer.chunkCount(length: packet.encodedSize) == packet.chunks.count
        else { throw VaultError.badVersion("its sizes and its chunks disagree") }
        if let known = try Row.fetchOne(database, sql: "SELECT * FROM blobs WHERE id = ?", arguments: [Data(packet.id)])
        {
            let blob = try StoredBlob.fetch(database, id: try known.bytes("id"))
            guard blob.key == packet.key, blob.chunks == packet.chunks, blob.digest == packet.digest,
                blob.size == packet.size, blob.encodedSize == packet.encodedSize, blob.codec == packet.codec
            else { throw VaultError.badVersion("other bytes are known under the same name") }
            return
        }
        try StoredBlob(
            id: packet.id, key: packet.key, size: packet.size, encodedSize: packet.encodedSize, codec: packet.codec,
            digest: packet.digest, chunks: packet.chunks, state: .remote
        ).insert(database)
    }

    /// The events of an adapter that these entries are, where they are known.
    private static func events(_ database: Database, _ adapter: Data, _ entries: [Digest256]) throws -> [Int64] {
        try entries.compactMap {
            try Int64.fetchOne(
                database,
                sql: "SELECT seq FROM events WHERE entry = ? AND adapter = ? AND kind IN ('version', 'head')",
                arguments: [$0.data, adapter])
        }
    }
}
