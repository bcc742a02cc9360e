// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation
import SwiftProtobuf

/// A device with a real store, as a benchmark drives it.
final class BenchDevice: Sendable {
    let keys: CircleKeys
    let vault: Vault
    let store: VaultSyncStore

    /// Two devices of one circle, their stores in `folder`.
    static func pair(in folder: String) throws -> (BenchDevice, BenchDevice) {
        let (one, two) = (try DeviceKeys.generate(), try DeviceKeys.generate())
        let (genesis, key) = try LinkWriter.genesis(keys: one, name: "one", paper: nil)
        var chain = try DeviceChain(genesis: genesis)
        var keyring = EpochKeyring(chain: chain, device: one, known: [key])
        let joining = two.counterSignature(joining: chain.circle, after: chain.head)
        let add = try LinkWriter(chain: chain, keys: one).add(
            two.publicKeys.record, name: "two", counterSignature: joining, keyring: keyring)
        try chain.append(add)
        let (epoch, next) = try LinkWriter(chain: chain, keys: one).epoch(keyring: keyring)
        try chain.append(epoch)
        try keyring.take(next)
        let links = [genesis, add, epoch]
        return (
            try BenchDevice(one, folder + "/one", chain.circle, links),
            try BenchDevice(two, folder + "/two", chain.circle, links)
        )
    }

    private init(_ keys: DeviceKeys, _ path: String, _ circle: CircleID, _ links: [Link]) throws {
        vault = try Vault.create(
            at: path, passphrase: SecretBytes(random: 32), recovery: .random(), command: "attune-bench")
        try vault.circle.enter(
            circle, device: keys.publicKeys.id, sealedKeys: keys.sealed(under: vault.vaultKey()),
            links: links.map { ($0.hash, $0.bytes) })
        store = try VaultSyncStore(vault)
        self.keys = try CircleKeys(vault)
    }

    /// Syncs once and says what it took.
    ///
    /// - Parameter applies: whether entries become adapters.
    func sync(
        _ address: String, _ client: HTTPClient, applies: Bool = true
    ) async throws -> (seconds: Double, outcome: SyncOutcome, traffic: (sent: Int, received: Int)) {
        guard let address = RemoteAddress(address) else { throw BenchFailure("\(address) is no address") }
        let signer = try keys.current().circle.keys
        let transport = HTTPTransport(
            client: client, address: address, circle: store.circle, device: store.device, sign: { signer.sign($0) })
        let applier: any EntryApplying =
            applies ? EntryApplier(store: store, keys: keys, arrivals: AnyVersion()) : NoApplier()
        let session = SyncSession(
            store: store, transport: transport, author: keys, applier: applier, options: SyncOptions(seed: 1))
        let start = ContinuousClock.now
        let outcome = try await session.run()
        let seconds = (ContinuousClock.now - start).seconds
        guard outcome.isComplete else { throw BenchFailure("\(outcome.problems)") }
        return (seconds, outcome, transport.traffic)
    }

    /// Puts so many versions into the own log, whose chunks are nowhere.
    func addVersions(_ count: Int) throws {
        let epoch = try keys.current().circle.chain.epoch
        var head = try store.heads()[store.device]
        var lamport = try store.largestLamport()
        for start in stride(from: 0, to: count, by: 500) {
            var entries: [Entry] = []
            for index in start..<min(count, start + 500) {
                lamport += 1
                let place = EntryPlace(
                    circle: store.circle, device: store.device, seq: (head?.seq ?? 0) + 1,
                    previous: head?.hash ?? .zero,
                    epoch: epoch, lamport: lamport, frontier: [:])
                let entry = try Entry(parsing: keys.write(try Self.draft(index), at: place))
                head = entry.position
                entries.append(entry)
            }
            try store.accept(entries)
        }
    }

    private static func draft(_ index: Int) throws -> EntryDraft {
        func bytes(_ count: Int) -> Data {
            Data(WireHash.blake2b(Array("\(index) \(count)".utf8), personal: "bench").bytes.prefix(count))
        }
        var version = ProtoAdapterVersion()
        version.adapter = bytes(16)
        version.name = "adapter-\(index)"
        version.base = bytes(32)
        version.version = bytes(32)
        version.manifest = "{}"
        version.number = 1
        version.blob.id = bytes(16)
        version.blob.key = bytes(32)
        version.blob.digest = bytes(32)
        version.blob.size = 1
        version.blob.encodedSize = 1
        var payload = ProtoEntryPayload()
        payload.version = version
        return EntryDraft(
            id: 0, kind: .version, payload: try payload.serializedBytes(), parents: [],
            chunks: [ChunkID(WireHash.blake2b(Array("\(index)".utf8), personal: "chunk"))])
    }
}

/// Passes every version: those of a benchmark are what they say.
private struct AnyVersion: ArrivalCheck {
    func check(_ version: VersionPacket) throws {}
}

/// Leaves accepted entries as they are.
private struct NoApplier: EntryApplying {
    func apply() throws -> [String] { [] }
}

/// What stopped a benchmark.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
