// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneVault
import AttuneWire
import Foundation
import Testing

@testable import AttuneSync

/// A store that is a device of a circle; entries, sealed and signed as they are, are carried by hand.
struct CircleMember {
    let store: KitStore
    let keys: DeviceKeys
    let sync: VaultSyncStore

    var workspace: Workspace { store.workspace }
    var vault: Vault { store.workspace.vault }

    /// A circle of one device for each name.
    static func circle(_ names: [String]) throws -> [CircleMember] {
        let stores = try names.map { _ in try KitStore() }
        let keys = try names.map { _ in try DeviceKeys.generate() }
        let genesis = try LinkWriter.genesis(keys: keys[0], name: names[0], paper: nil)
        var chain = try DeviceChain(genesis: genesis.link)
        var keyring = EpochKeyring(chain: chain, device: keys[0])
        var links = [genesis.link]
        for (name, key) in zip(names, keys).dropFirst() {
            let signature = key.counterSignature(joining: chain.circle, after: chain.head)
            let add = try LinkWriter(chain: chain, keys: keys[0]).add(
                key.publicKeys.record, name: name, counterSignature: signature, keyring: keyring)
            try chain.append(add)
            let epoch = try LinkWriter(chain: chain, keys: keys[0]).epoch(keyring: keyring)
            try chain.append(epoch.link)
            try keyring.take(epoch.key)
            links += [add, epoch.link]
        }
        return try zip(stores, keys).map { store, key in
            let vault = store.workspace.vault
            try vault.circle.enter(
                chain.circle, device: key.publicKeys.id, sealedKeys: key.sealed(under: vault.vaultKey()),
                links: links.map { ($0.hash, $0.bytes) })
            return CircleMember(store: store, keys: key, sync: try VaultSyncStore(vault))
        }
    }

    func chain() throws -> DeviceChain { try DeviceChain(verifying: sync.links(after: 0, limit: 4096)) }
    func keyring() throws -> EpochKeyring { try EpochKeyring(chain: chain(), device: keys) }

    /// Publishes what waits.
    func publish() throws {
        try sync.publishDrafts(chain: chain(), by: CircleKeys(vault))
    }

    /// Publishes, gives the entries to `other`, and with them the chunks that it wants.
    func send(to other: CircleMember) throws {
        try publish()
        try other.take(try sync.entries(of: sync.device, after: 0, limit: 512, byteLimit: 1 << 30))
        while let id = try other.sync.wantedChunks(limit: 1).first {
            let path = try #require(try sync.chunkPath(id))
            try other.sync.storeChunk(id, bytes: Array(try Data(contentsOf: URL(filePath: path))))
        }
    }

    func take(_ entries: [[UInt8]]) throws {
        try sync.accept(entries.map { try Entry(parsing: $0) })
        try apply()
    }

    /// Takes entries as the device that serves does: by the rules of the log.
    @discardableResult
    func receive(_ entries: [[UInt8]]) throws -> [ProtoPushOutcome] {
        let outcomes = try EntryReceiver.take(entries, from: "direct", chain: chain(), into: sync)
        try apply()
        return outcomes
    }

    private func apply() throws { try workspace.applier(store: sync, keys: CircleKeys(vault)).apply() }

    /// The signed entries that this device has published.
    func published() throws -> [[UInt8]] {
        try sync.entries(of: sync.device, after: 0, limit: 512, byteLimit: 1 << 30)
    }

    /// Fetches what is wanted from whoever has it, and looks at what arrived.
    @discardableResult
    func fetch(from others: [CircleMember]) throws -> [RefusedVersion] {
        var refused: [RefusedVersion] = []
        for _ in 0..<8 {
            for id in try sync.wantedChunks(limit: 100) {
                guard let path = try others.lazy.compactMap({ try $0.sync.chunkPath(id) }).first else { continue }
                try sync.storeChunk(id, bytes: Array(try Data(contentsOf: URL(filePath: path))))
            }
            let found = try workspace.inspectArrivals().refused
            refused += found
            if found.isEmpty { break }
        }
        return refused
    }

    /// Writes an entry that no honest device would, at the end of the own log, without keeping it.
    func write(
        _ kind: ProtoEntryKind, _ payload: [UInt8], chunks: [ChunkID] = [], after entries: [Entry] = [],
        frontier: [DeviceID: LogPosition] = [:], lamport: UInt64 = 1, parents: [EntryHash] = []
    ) throws -> Entry {
        let last = try entries.last?.position ?? sync.heads()[sync.device]
        let place = EntryPlace(
            circle: sync.circle, device: sync.device, seq: (last?.seq ?? 0) + 1,
            previous: last?.hash ?? .zero, epoch: try chain().epoch,
            lamport: max(lamport, (last?.seq ?? 0) + 1), frontier: frontier)
        let draft = EntryDraft(id: 0, kind: kind, payload: payload, parents: parents, chunks: chunks)
        return try EntryWriter(keys: keys).entry(draft, at: place, key: #require(keyring().newest))
    }

    /// The link by which this device shuts another one out, up to an entry of it.
    func revocation(of other: CircleMember, last: LogPosition?) throws -> Link {
        try LinkWriter(chain: chain(), keys: keys).revoke([other.sync.device: last], keyring: keyring()).link
    }

    func keep(_ link: Link) throws { try CircleKeys(vault).keep([link], after: chain()) }
}
