// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import AttuneWire
import Foundation

/// The store of a device as sync sees it.
///
/// Nothing but the tables of `Vault/Sync` and the events of adapters is reached from here: documents, runs and chats are
/// not.
package struct VaultSyncStore: SyncStore {
    package let vault: Vault
    package let circle: CircleID
    package let device: DeviceID

    /// - Throws: `VaultError` E-VAULT-051 if the store is in no circle.
    package init(_ vault: Vault) throws {
        guard let identity = try vault.circle.identity() else { throw VaultError.notInCircle }
        self.vault = vault
        device = identity.device
        circle = identity.circle
    }

    package func links(after seq: UInt64, limit: Int) throws -> [[UInt8]] {
        try vault.circle.links(after: seq, limit: limit)
    }

    @discardableResult
    package func replaceLinks(
        after seq: UInt64, with links: [Link], cutOffs: [DeviceID: UInt64]
    ) throws -> CutOffEffects {
        try vault.circle.replaceLinks(after: seq, with: links.map { ($0.hash, $0.bytes) }, cutOffs: cutOffs)
    }

    package func heads() throws -> [DeviceID: LogPosition] { try vault.entries.heads() }

    package func largestLamport(besides cutOffs: [DeviceID: UInt64]) throws -> UInt64 {
        try vault.entries.largestLamport(besides: cutOffs)
    }

    package func entryHash(of device: DeviceID, seq: UInt64) throws -> EntryHash? {
        try vault.entries.hash(of: device, seq: seq)
    }

    package func entries(of device: DeviceID, after seq: UInt64, limit: Int, byteLimit: Int) throws -> [[UInt8]] {
        try vault.entries.page(of: device, after: seq, limit: limit, byteLimit: byteLimit)
    }

    package func entry(_ hash: EntryHash) throws -> [UInt8]? { try vault.entries.fetch(hash) }

    package func accept(_ entries: [Entry]) throws { try vault.entries.accept(entries.map(Self.stored)) }

    package func draftCount() throws -> Int { try vault.events.draftCount() }

    package func nextDraft() throws -> EntryDraft? {
        guard let draft = try vault.events.nextDraft() else { return nil }
        let (kind, payload) = try EntryPayloadCoding.encode(draft.event)
        var chunks: [ChunkID] = []
        var released: [EntryHash] = []
        switch draft.event {
        case .version(let packet): chunks = packet.blob.chunks
        case .release(_, let entries): released = entries
        case .head, .name, .trashed: break
        }
        return EntryDraft(
            id: draft.id, kind: kind, payload: payload, parents: draft.parents, chunks: chunks, released: released)
    }

    package func publish(_ draft: Int64, as entry: Entry) throws {
        try vault.events.publishDraft(draft, as: Self.stored(entry))
    }

    package func ownMark() throws -> LogPosition? { try vault.entries.ownMark() }

    package func marks(of remote: String) throws -> [DeviceID: LogPosition] { try vault.remotes.marks(of: remote) }

    package func setMarks(_ marks: [DeviceID: LogPosition], of remote: String) throws {
        try vault.remotes.setMarks(marks, of: remote)
    }

    package func chunkMarks(of remote: String) throws -> ChunkMarks {
        let (logs, generation) = try vault.remotes.chunkMarks(of: remote)
        return ChunkMarks(logs, generation: generation)
    }

    package func setChunkMarks(_ marks: ChunkMarks, of remote: String) throws {
        try vault.remotes.setChunkMarks(marks.logs, generation: marks.generation, of: remote)
    }

    package func record(_ evidence: SyncEvidence) throws -> Bool {
        let suspicion = evidence.suspicion
        return try vault.evidence.record(
            StoredEvidence(
                kind: suspicion.kind.rawValue, author: suspicion.author, device: suspicion.subject,
                seq: suspicion.seq, held: evidence.held, other: evidence.other, remote: evidence.remote,
                isSettled: evidence.isSettled, stopsNames: suspicion.kind.stopsNames))
    }

    package func evidence() throws -> [SyncEvidence] {
        try vault.evidence.all().compactMap { stored in
            guard let suspicion = Self.suspicion(stored) else { return nil }
            return SyncEvidence(
                suspicion, held: stored.held, other: stored.other, remote: stored.remote,
                isSettled: stored.isSettled)
        }
    }

    package func settle(_ suspicions: Set<Suspicion>) throws {
        try vault.evidence.settle { Self.suspicion($0).map(suspicions.contains) ?? false }
    }

    /// What a kept piece says. One that was kept before authors were has its author in the signed bytes.
    private static func suspicion(_ stored: StoredEvidence) -> Suspicion? {
        guard let kind = Suspicion.Kind(rawValue: stored.kind) else { return nil }
        let author: DeviceID? =
            switch kind {
            case .fork, .linkFork: stored.device
            case .rollback: nil
            case .hidden, .contradiction:
                stored.author ?? (try? Entry(parsing: stored.other))?.device
            }
        return Suspicion(kind, by: author, about: stored.device, seq: stored.seq)
    }

    package func wantedChunks(limit: Int) throws -> [ChunkID] { try vault.blobs.wantedChunks(limit: limit) }

    package func missingChunks(among ids: [ChunkID]) throws -> [ChunkID] { vault.blobs.missingChunks(among: ids) }

    package func storeChunk(_ id: ChunkID, bytes: [UInt8]) throws { try vault.blobs.storeChunk(id, bytes) }

    package func chunkPath(_ id: ChunkID) throws -> String? { vault.blobs.chunkPath(id) }

    package func settings() throws -> SyncSettings {
        guard let text = try vault.settings.value(of: Self.settingsKey),
            let settings = try? JSONDecoder().decode(SyncSettings.self, from: Data(text.utf8))
        else { return SyncSettings() }
        return settings
    }

    package func update(_ settings: SyncSettings) throws {
        let text = String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)
        try vault.settings.set(Self.settingsKey, to: text)
    }

    package func append(_ line: SyncLogLine) throws {
        try vault.syncLog.append(level: line.level.rawValue, remote: line.remote, text: line.text)
    }

    package func yieldLock() { vault.yieldLock() }

    /// The setting that holds `SyncSettings` as JSON.
    private static let settingsKey = "sync.settings"

    private static func stored(_ entry: Entry) -> StoredEntry {
        StoredEntry(
            hash: entry.hash, device: entry.device, seq: entry.seq, previous: entry.previous,
            kind: entry.kind.rawValue, lamport: entry.lamport, bytes: entry.bytes)
    }
}
