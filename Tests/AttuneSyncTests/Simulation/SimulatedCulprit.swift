// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneWire
import Foundation

/// What a device of the circle does whose keys are in the wrong hands.
enum Misdeed: String, CaseIterable, Sendable {
    /// Says of other devices' logs what is not so: entries that nobody has, other hashes, numbers far ahead.
    case lies
    /// Signs two entries of one place, and gives one half to the relay and one to other devices.
    case forks
    /// Sends entries and links as fast as they are taken.
    case floods
    /// Sets the circle's counter far ahead, in steps that are allowed and in one that is not.
    case jumps
    /// Gives other devices, and adapters that are another's, names, and swaps their names.
    case renames
    /// Says the ids of versions and adapters that are another's, with other bytes and names, and as if it had been first.
    case squats
    /// Names chunks that nobody has, as many as it can, under many ids.
    case bombs
}

/// A device in the wrong hands: it signs with real keys what no honest device would.
final class SimulatedCulprit {
    let index: Int
    let misdeeds: [Misdeed]
    /// Newest entry before anybody else had its keys.
    let lastHonest: LogPosition?

    init(index: Int, misdeeds: [Misdeed], lastHonest: LogPosition?) {
        self.index = index
        self.misdeeds = misdeeds
        self.lastHonest = lastHonest
    }
}

extension Simulation {
    /// Runs the simulation with one device that falls into the wrong hands, and is shut out before all is quiet.
    func run(with misdeeds: [Misdeed]) throws {
        isHonest = false
        for device in devices { device.store.admitCulprits() }
        let taken = chance(0...1_800_000)
        after(taken) { try self.take(misdeeds) }
        after(chance(taken...3_600_000)) { try self.shutCulpritOut() }
        try run()
    }

    private func take(_ misdeeds: [Misdeed]) throws {
        guard relay.chain.active.count > 2, let victim = relay.chain.active.randomElement(using: &random),
            let index = devices.firstIndex(where: { $0.id == victim.id })
        else { return }
        devices[index].goDown()
        let last = relay.logs[victim.id]?.last?.position
        culprit = SimulatedCulprit(index: index, misdeeds: misdeeds, lastHonest: last)
        for _ in 0..<Int(chance(3...15)) { after(chance(0...1_500_000)) { try self.misbehave() } }
    }

    private func misbehave() throws {
        guard let culprit, !revoked.contains(devices[culprit.index].id),
            let misdeed = culprit.misdeeds.randomElement(using: &random)
        else { return }
        switch misdeed {
        case .lies: try lie(culprit)
        case .forks: try fork(culprit)
        case .floods: try flood(culprit)
        case .jumps: try jump(culprit)
        case .renames: try random.percent(50) ? rename(culprit) : renameAdapters(culprit)
        case .squats: try squat(culprit)
        case .bombs: try bomb(culprit)
        }
    }

    /// Whoever of the others has all links shuts the culprit out: up to what it has of it, or up to what was honest.
    func shutCulpritOut() throws {
        guard let culprit, !revoked.contains(devices[culprit.index].id) else { return }
        let id = devices[culprit.index].id
        guard
            let signer = devices.filter({
                $0.id != id && !$0.isDown && !revoked.contains($0.id)
                    && $0.store.state.links.count == relay.links.count
            }).randomElement(using: &random)
        else { return after(30_000) { try self.shutCulpritOut() } }
        var last = try signer.store.heads()[id]
        if random.percent(50), culprit.lastHonest?.seq ?? 0 < last?.seq ?? 0 { last = culprit.lastHonest }
        let link = try SimulatedLinks.revoke(id, last: last, by: signer.identity, on: relay.chain)
        try relay.take(link)
        revoked.insert(id)
    }

    // MARK: Misdeeds

    private func lie(_ culprit: SimulatedCulprit) throws {
        let others = devices.filter { $0.id != devices[culprit.index].id }.map(\.id)
        let subjects = random.percent(20) ? others : [others.randomElement(using: &random)].compactMap { $0 }
        try send(
            culprit,
            place(of: culprit) { place in
                for subject in subjects {
                    let known = UInt64(relay.logs[subject]?.count ?? 0)
                    let seq =
                        switch Int(chance(0...3)) {
                        case 0: known + 1_000_000_000
                        case 1: known + UInt64(chance(1...4))
                        default: UInt64(chance(1...Int64(max(1, known))))
                        }
                    place.frontier[subject] = LogPosition(seq: seq, hash: noise())
                }
                // A device that nobody ever heard of, and a key epoch that no link has begun.
                if random.percent(10) {
                    place.frontier[SimulatedIdentity(&random).id] = LogPosition(seq: 1, hash: noise())
                }
                if random.percent(10) { place.epoch += 2 }
            })
    }

    private func noise() -> EntryHash { EntryHash(WireHash.blake2b(random.bytes(16), personal: "noise")) }

    private func fork(_ culprit: SimulatedCulprit) throws {
        let place = try place(of: culprit)
        try push(culprit, [write(culprit, place)], to: nil)
        let peers = devices.indices.filter { $0 != culprit.index && !revoked.contains(devices[$0].id) }
        guard let peer = peers.randomElement(using: &random) else { return }
        try push(culprit, [write(culprit, place)], to: peer)
    }

    private func flood(_ culprit: SimulatedCulprit) throws {
        for _ in 0..<40 { try push(culprit, [write(culprit, place(of: culprit))], to: nil) }
        try send(culprit, place(of: culprit))
    }

    private func jump(_ culprit: SimulatedCulprit) throws {
        let step = random.percent(80) ? WireLimits.lamportJump - 1000 : WireLimits.counter >> 1
        try send(culprit, place(of: culprit) { $0.lamport = min($0.lamport + step, WireLimits.counter) })
    }

    private func rename(_ culprit: SimulatedCulprit) throws {
        let identity = devices[culprit.index].identity
        for device in devices where relay.chain.devices[device.id]?.isActive == true {
            guard relay.chain.devices[identity.id]?.isActive == true else { return }
            let link = try SimulatedLinks.rename(
                device.id, sealedName: random.bytes(Link.sealedNameBytes), by: identity, on: relay.chain)
            let pushed = SyncRequest.pushLinks([link.bytes], previous: relay.chain.head)
            _ = try? relay.answer(pushed, from: identity.id, clockError: 0)
        }
    }

    private func renameAdapters(_ culprit: SimulatedCulprit) throws {
        let names = devices[culprit.index].store.state.shelf.names.sorted { $0.key < $1.key }
        for (adapter, other) in zip(names.map(\.key), names.map(\.value).reversed()) {
            let name = random.percent(50) ? other : "mine"
            try send(culprit, place(of: culprit), SimulatedPayload(tag: newTag(), .name(adapter: adapter, name)))
        }
    }

    private func squat(_ culprit: SimulatedCulprit) throws {
        // What it has seen, and what it may see before others do.
        let versions = relay.logs.values.joined().compactMap { entry -> SimulatedPayload.Content? in
            guard entry.device != devices[culprit.index].id, !entry.chunks.isEmpty else { return nil }
            return SimulatedAuthor.open(entry, key: key).map { SimulatedPayload(parsing: $0).content }
        }
        guard case .version(let adapter, let id, _) = versions.randomElement(using: &random) else { return }
        let chunks = (0..<Int(chance(1...4))).map { _ in ChunkID(WireHash.blake2b(random.bytes(16), personal: "chunk"))
        }
        // Bytes that are there, and are others.
        if random.percent(50) { relay.chunks.formUnion(chunks) }
        let content = SimulatedPayload.Content.version(
            adapter: adapter, id: random.percent(70) ? id : SimulatedPayload.version(of: chunks), name: "mine")
        let place = try place(of: culprit) { if random.percent(50) { $0.lamport = 1 } }
        try send(culprit, place, SimulatedPayload(tag: newTag(), content), chunks: chunks)
    }

    private func bomb(_ culprit: SimulatedCulprit) throws {
        for _ in 0..<Int(chance(1...4)) {
            let chunks = (0..<Int(chance(1...500))).map { _ in
                ChunkID(WireHash.blake2b(random.bytes(16), personal: "chunk"))
            }
            let content = SimulatedPayload.Content.version(
                adapter: AdapterID(random.bytes(16))!, id: SimulatedPayload.version(of: chunks), name: "bomb")
            try send(culprit, place(of: culprit), SimulatedPayload(tag: newTag(), content), chunks: chunks)
        }
    }

    // MARK: Sending

    /// The place after the newest entry that the relay has of the culprit, changed as it likes.
    private func place(
        of culprit: SimulatedCulprit, _ change: (inout SimulatedPlace) -> Void = { _ in }
    ) throws -> EntryPlace {
        let id = devices[culprit.index].id
        let head = relay.logs[id]?.last
        let lamport = relay.logs.values.compactMap(\.last?.lamport).max() ?? 0
        var place = SimulatedPlace(
            frontier: relay.logs.compactMapValues(\.last?.position).filter { $0.key != id },
            lamport: min(lamport + 1, WireLimits.counter),
            epoch: relay.chain.epoch)
        change(&place)
        return EntryPlace(
            circle: relay.chain.circle, device: id, seq: (head?.seq ?? 0) + 1,
            previous: head?.hash ?? .init([UInt8](repeating: 0, count: 32))!, epoch: place.epoch,
            // Lower than its number no counter can be.
            lamport: max(place.lamport, (head?.seq ?? 0) + 1), frontier: place.frontier)
    }

    private func write(
        _ culprit: SimulatedCulprit, _ place: EntryPlace, _ payload: SimulatedPayload? = nil, chunks: [ChunkID] = []
    ) throws -> [UInt8] {
        let draft = EntryDraft(
            id: 0, kind: chunks.isEmpty ? .change : .version,
            payload: payload?.bytes ?? random.bytes(SimulatedPayload.tagBytes), parents: [], chunks: chunks)
        return try SimulatedAuthor(identity: devices[culprit.index].identity, key: key).write(draft, at: place)
    }

    /// Gives an entry to the relay, and where devices meet also its whole log to one of them.
    private func send(
        _ culprit: SimulatedCulprit, _ place: EntryPlace, _ payload: SimulatedPayload? = nil, chunks: [ChunkID] = []
    ) throws {
        try push(culprit, [write(culprit, place, payload, chunks: chunks)], to: nil)
        guard hasPeers, let peer = devices.indices.randomElement(using: &random), peer != culprit.index else { return }
        let known = try devices[peer].store.heads()[devices[culprit.index].id]?.seq ?? 0
        let log = relay.logs[devices[culprit.index].id] ?? []
        try push(culprit, log.filter { $0.seq > known }.map(\.bytes), to: peer)
    }

    private func push(_ culprit: SimulatedCulprit, _ entries: [[UInt8]], to peer: Int?) throws {
        let request = SyncRequest.pushEntries(entries)
        if let peer {
            _ = try peerAnswer(request, from: culprit.index, at: peer)
        } else {
            _ = try relay.answer(request, from: devices[culprit.index].id, clockError: 0)
        }
    }
}

/// What a culprit may say differently of the place that its entry has.
struct SimulatedPlace {
    var frontier: [DeviceID: LogPosition]
    var lamport: UInt64
    var epoch: UInt32
}
