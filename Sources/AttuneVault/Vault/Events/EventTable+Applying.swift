// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

/// Tells what came of entries that were to be applied.
package struct AppliedEntries: Sendable {
    /// Those that cannot be (E-VAULT-053), and why: they changed nothing and never will.
    package internal(set) var refused: [EntryHash: VaultError] = [:]
    /// Adapters that are now shown under another name than they were given.
    package internal(set) var shownNames: [ShownName] = []
}

/// Does what entries of other devices say.
extension EventTable {
    /// Does to this store what accepted, opened entries say, each once, in one transaction.
    package func apply(_ events: [(event: AdapterEvent, context: EntryContext)]) throws -> AppliedEntries {
        try vault.write { database in
            var applied = AppliedEntries()
            for (event, context) in events {
                do {
                    try database.inSavepoint {
                        if let name = try apply(database, event, context) { applied.shownNames.append(name) }
                        return .commit
                    }
                } catch let error as VaultError where error.isOfData {
                    applied.refused[context.entry] = error
                    try EntryTable.mark(database, context.entry, as: .refused)
                }
            }
            applied.shownNames = try AdapterTable.stillShown(database, applied.shownNames)
            return applied
        }
    }

    /// Does to this store what one accepted, opened entry says, once.
    ///
    /// - Throws: `VaultError` E-VAULT-053 for what cannot be; nothing changes then.
    package func apply(_ event: AdapterEvent, _ context: EntryContext) throws {
        try vault.write { _ = try apply($0, event, context) }
    }

    /// Applies one entry; one of this device itself, seen again after a restore, takes the place of the draft that says
    /// the same.
    private func apply(_ database: Database, _ event: AdapterEvent, _ context: EntryContext) throws -> ShownName? {
        guard try EntryTable.state(database, context.entry) == .waiting else { return nil }
        var name: ShownName?
        if try !Self.adopt(database, event, context) {
            switch event {
            case .version(let packet): name = try apply(database, packet, context)
            case .head(let wire, let version):
                let adapter = try AdapterTable.local(database, wire, meantBy: context.device, version: version)
                try Self.apply(database, adapter, head: version, context)
            case .name(let wire, let text):
                let adapter = try AdapterTable.local(database, wire, meantBy: context.device)
                name = try vault.adapters.apply(database, adapter, name: text, context)
            case .trashed(let wire, let trashed):
                let adapter = try AdapterTable.local(database, wire, meantBy: context.device)
                name = try vault.adapters.apply(database, adapter, trashed: trashed, context)
            case .release(let versions, _): try Self.release(database, versions)
            }
        }
        try EntryTable.mark(database, context.entry, as: .applied)
        return name
    }

    /// Joins an own entry with the draft it was made from, if that is there again.
    private static func adopt(_ database: Database, _ event: AdapterEvent, _ context: EntryContext) throws -> Bool {
        guard try CircleTable.identity(database)?.device == context.device else { return false }
        let own = context.device
        let (adapter, kind, version, name, trashed): (AdapterID, EventKind, VersionID?, String?, Bool?)
        switch event {
        case .version(let packet):
            let local = try AdapterTable.local(database, packet.adapter, base: packet.base)
            (adapter, kind, version, name, trashed) = (local, .version, packet.id, nil, nil)
        case .head(let wire, let head):
            let local = try AdapterTable.local(database, wire, meantBy: own, version: head)
            (adapter, kind, version, name, trashed) = (local, .head, head, nil, nil)
        case .name(let wire, let text):
            let local = try AdapterTable.local(database, wire, meantBy: own)
            (adapter, kind, version, name, trashed) = (local, .name, nil, text, nil)
        case .trashed(let wire, let flag):
            let local = try AdapterTable.local(database, wire, meantBy: own)
            (adapter, kind, version, name, trashed) = (local, .trashed, nil, nil, flag)
        case .release: return false
        }
        try database.execute(
            cached: """
                UPDATE events SET entry = ?, device = ?, lamport = ? WHERE seq = (
                    SELECT MIN(seq) FROM events WHERE entry IS NULL AND adapter = ? AND kind = ? AND version IS ?
                        AND (name IS ? OR kind = 'version') AND trashed IS ?)
                """,
            arguments: [
                context.entry, context.device, Int64(clamping: context.lamport), adapter, kind,
                version, name, trashed,
            ])
        return database.changesCount == 1
    }

    private func apply(_ database: Database, _ packet: VersionPacket, _ context: EntryContext) throws -> ShownName? {
        try Self.check(packet.blob)
        let adapter = try AdapterTable.local(database, packet.adapter, base: packet.base)
        var shownName: ShownName?
        let isAgain = try Self.isNoted(database, context.entry)
        let isGone = try AdapterTable.row(database, adapter) == nil
        if isGone {
            let name = try vault.adapters.freeName(database, packet.name, for: adapter, besides: context.deviceName)
            shownName = ShownName(name, not: packet.name, adapter, of: context.deviceName)
            try AdapterTable.insert(
                database, wire: packet.adapter, local: adapter, name: name, base: packet.base,
                created: Int64(clamping: packet.created))
        }
        let blob = try ClaimTable.blob(database, packet.blob, of: packet)
        let known = try VersionTable.find(database, adapter, packet.id)
        let row: Int64
        if let known {
            row = known
        } else {
            let taken = try VersionTable.isTaken(database, adapter, number: packet.number)
            row = try vault.versions.insert(
                database, adapterID: adapter, id: packet.id, blob: blob, manifest: packet.manifest,
                parents: packet.parents, run: nil, lossBefore: packet.lossBefore, lossAfter: packet.lossAfter,
                created: Int64(clamping: packet.created),
                number: taken || packet.number < 1 || packet.number > 1 << 31 ? nil : packet.number)
        }
        let wasRefused = try known != nil && VersionTable.state(database, version: row) == .refused
        try ClaimTable.insert(database, version: row, packet, blob: blob, context)
        if known != nil { try ClaimTable.dropEarlier(database, version: row, of: context.device) }
        try ClaimTable.show(database, version: row)
        var changed: [Int64]? = []
        if !isAgain {
            changed = try Self.insert(
                database, adapter, kind: .version, version: packet.id, name: packet.name,
                parents: try Self.find(database, adapter, context.parents), context: context
            ).changed
        }
        // A version that was refused for what another device said may be one of the heads again.
        if try wasRefused != (VersionTable.state(database, version: row) == .refused) {
            try Self.recountTips(database, adapter)
            changed = nil
        }
        if known != nil {
            try vault.trash.takeBack(database, version: row, of: adapter)
            try vault.adapters.takeName(database, adapter)
        }
        // What was said of it since is noted, and comes with no entry again.
        if isGone, isAgain {
            try vault.adapters.showAsSaid(database, adapter)
            shownName = nil
        }
        try AdapterTable.advance(database, adapter, changed: changed)
        // A claim whose event was there already is among no changes; its bytes may be wanted as well.
        if isAgain, changed != nil { try PinTable.refreshWanted(database, adapter, of: [row]) }
        return shownName
    }

    private static func apply(
        _ database: Database, _ adapter: AdapterID, head: VersionID, _ context: EntryContext
    ) throws {
        let (_, changed) = try Self.insert(
            database, adapter, kind: .head, version: head,
            parents: try Self.find(database, adapter, context.parents), context: context)
        try AdapterTable.advance(database, adapter, changed: changed)
    }

    /// Notes that chunks of released versions can no longer be fetched.
    private static func release(_ database: Database, _ versions: [VersionID]) throws {
        for version in versions {
            try PinTable.setWanted(
                database, false, "id IN (\(ClaimTable.candidates("v.id = :id")))", ["id": version])
        }
    }

    /// Passes for bytes whose sizes and chunks can be those of one run.
    private static func check(_ packet: BlobPacket) throws {
        guard packet.key.count == 32, packet.size >= 0, packet.encodedSize >= 0,
            packet.codec == .planes || packet.encodedSize == packet.size,
            packet.size / TensorCodec.ratioLimit <= packet.encodedSize,
            ChunkSealer.chunkCount(length: packet.encodedSize) == packet.chunks.count
        else { throw VaultError.badVersion("its sizes and its chunks disagree") }
    }

    /// Finds the events of an adapter that these entries are, if they are known.
    private static func find(_ database: Database, _ adapter: AdapterID, _ entries: [EntryHash]) throws -> [Int64] {
        try entries.compactMap {
            try Int64.fetchOne(
                database,
                cached: "SELECT seq FROM events WHERE entry = ? AND adapter = ? AND kind IN ('version', 'head')",
                arguments: [$0, adapter])
        }
    }
}
