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
        var keyring = try EpochKeyring(chain: chain, device: keys[0])
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
            try vault.enterCircle(
                chain.circle, device: key.publicKeys.id, sealedKeys: key.sealed(under: vault.vaultKey()),
                links: links.map { ($0.hash, $0.bytes) })
            return CircleMember(store: store, keys: key, sync: try VaultSyncStore(vault))
        }
    }

    func chain() throws -> DeviceChain { try DeviceChain(verifying: sync.links(after: 0, limit: 4096)) }
    func keyring() throws -> EpochKeyring { try EpochKeyring(chain: chain(), device: keys) }

    /// Publishes what waits.
    func publish() throws {
        let (chain, keyring) = (try chain(), try keyring())
        let key = try #require(keyring.newest)
        while let draft = try sync.nextDraft() {
            let heads = try sync.heads()
            let own = heads[sync.device]
            let place = EntryPlace(
                circle: chain.circle, device: sync.device, seq: (own?.seq ?? 0) + 1,
                previous: own?.hash ?? Digest256(repeatElement(0, count: 32))!, epoch: chain.epoch,
                lamport: try sync.largestLamport() + 1, frontier: heads.filter { $0.key != sync.device })
            try sync.publish(draft.id, as: try EntryWriter(keys: keys).entry(draft, at: place, key: key))
        }
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
        let (chain, keyring) = (try chain(), try keyring())
        try EntryApplier(
            store: sync, open: { try EntryReader(keyring: keyring).payload(of: $0) },
            name: { chain.devices[$0].flatMap { keyring.name(of: $0) } ?? "device" }, check: { try Workspace.check($0) }
        ).apply()
    }
}
