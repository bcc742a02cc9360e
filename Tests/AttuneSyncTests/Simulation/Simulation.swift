// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneWire

/// A circle of devices and a relay on one thread and a virtual clock; everything follows from the seed.
final class Simulation {
    /// A rule of sync that did not hold.
    struct Violation: Error, CustomStringConvertible {
        let seed: UInt64
        let what: String
        var description: String { "seed \(seed): \(what)" }
    }

    let seed: UInt64
    var random: SimulationRandom
    var now: Int64 = 0
    var queue = EventQueue<() throws -> Void>()
    let relay: SimulatedRelay
    var devices: [SimulatedDevice] = []
    /// Whether devices also meet without the relay.
    let hasPeers: Bool
    /// Chunks that were asked of the relay one by one and that it did not have.
    var vainDownloads = 0
    /// The rules that all devices go by.
    let rules: any LogRules
    let key: [UInt8]
    /// Percent of messages that are lost or come twice.
    var losses = 0
    var isChaos = true
    /// False where the relay lies, and devices ought to distrust it.
    var isHonest = true
    /// Whose draft each payload was.
    var authors: [[UInt8]: DeviceID] = [:]
    /// Drafts that went with a store that was set back, before anybody else had them.
    var excused: Set<[UInt8]> = []
    /// Entries of others that a store no longer had when it was set back.
    var setBack: Set<EntryHash> = []
    var revoked: Set<DeviceID> = []
    /// The sealed name that each device gave itself last.
    var ownNames: [DeviceID: [UInt8]] = [:]
    /// The name of a device that everybody sees.
    var name: (CircleDevice) -> [UInt8] = { $0.name.sealed }
    /// The device that is in the wrong hands, once it is.
    var culprit: SimulatedCulprit?
    /// Words in every payload that nobody but the devices may read.
    static let marker = Array("diary of the lighthouse".utf8)

    /// - Parameter quiet: so many devices, and no faults of their own; a random number of them if nil.
    init(seed: UInt64, rules: any LogRules = CircleRules(), quiet: Int? = nil) throws {
        self.seed = seed
        self.rules = rules
        var random = SimulationRandom(seed: seed)
        key = random.bytes(32)
        hasPeers = random.percent(40)
        losses = Int.random(in: 0...25, using: &random)
        let count = quiet ?? Int.random(in: 3...7, using: &random)
        let identities = (0..<count).map { _ in SimulatedIdentity(&random) }
        var links = [try SimulatedLinks.genesis(identities[0])]
        var chain = try DeviceChain(genesis: links[0])
        for identity in identities.dropFirst() {
            for make in [
                { try SimulatedLinks.add(identity, by: identities[0], to: chain) },
                { try SimulatedLinks.epoch(by: identities[0], on: chain) },
            ] {
                let link = try make()
                try chain.append(link)
                links.append(link)
            }
        }
        self.random = random
        relay = try SimulatedRelay(links: links)
        isChaos = quiet == nil
        devices = identities.map { SimulatedDevice(identity: $0, links: links) }
        ownNames = chain.devices.mapValues(\.name.sealed)
        if isChaos { for device in devices where self.random.percent(30) { device.store.keepEverything() } }
    }

    func after(_ milliseconds: Int64, _ event: @escaping () throws -> Void) {
        queue.add(at: now + milliseconds, event)
    }

    func chance(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }

    func violation(_ what: String) -> Violation { Violation(seed: seed, what: what) }

    // MARK: Running sync

    /// Starts a run with the relay, or with another device.
    func sync(_ index: Int, with peer: Int? = nil) throws {
        let device = devices[index]
        guard !device.isDown, device.machine == nil else { return }
        let store = device.store
        let key = key
        let options = SyncOptions(
            attempts: 4, isDirect: peer != nil, seed: random.next())
        device.peer = peer
        device.machine = try SyncMachine(
            store: store, remote: peer.map { "device \(devices[$0].id)" } ?? "relay",
            author: SimulatedAuthor(identity: device.identity, key: key),
            applier: SimulatedApplier(store: store, key: key), options: options, rules: rules,
            chain: store.state.chain)
        try tell(index, .start)
    }

    private func tell(_ index: Int, _ event: SyncEvent) throws {
        let device = devices[index]
        guard device.machine != nil else { return }
        let actions: [SyncAction]
        do {
            actions = try device.machine?.handle(event) ?? []
        } catch is SimulatedStore.PowerFailure {
            return try crash(index)
        }
        for action in actions {
            switch action {
            case .send(let ticket, let request): send(request, ticket: ticket, from: index)
            case .cancelRequests: device.run += 1
            case .adjustClock: break
            case .wait(let milliseconds):
                let (life, run) = (device.life, device.run)
                after(Int64(milliseconds)) {
                    if device.life == life, device.run == run { try self.tell(index, .tick) }
                }
            case .finished(let outcome):
                device.run += 1
                device.machine = nil
                device.lastProblems = outcome.problems
                try checkTrust(in: device)
                if let problem = outcome.problems.first(where: {
                    ["E-SYNC-002", "E-SYNC-009", "E-SYNC-016"].contains($0.code)
                }),
                    isHonest, !revoked.contains(device.id), rules is CircleRules
                {
                    throw violation(
                        "device \(index) distrusts honest ones: \(problem.message); \(device.store.state.lines.suffix(5).map(\.text))"
                    )
                }
            }
        }
    }

    private func send(_ request: SyncRequest, ticket: Int, from index: Int) {
        let device = devices[index]
        let (life, run, peer) = (device.life, device.run, device.peer)
        func deliver(_ answer: SyncAnswer, after delay: Int64) {
            after(delay) {
                guard device.life == life, device.run == run else { return }
                if case .download(let id) = request, answer == .downloaded {
                    do {
                        try device.store.storeChunk(id, bytes: [])
                    } catch is SimulatedStore.PowerFailure {
                        return try self.crash(index)
                    }
                }
                try self.tell(index, .answer(ticket, answer))
            }
        }
        if case .upload(let id) = request, !device.store.state.chunks.contains(id) {
            // A session reads what it sends: nobody gives bytes that it does not have.
            return deliver(.failed(.notFound), after: 0)
        }
        let lost = random.percent(isChaos ? losses : 0)
        if device.isCutOff || lost && random.percent(50) {
            return deliver(.failed(random.percent(50) ? .timedOut : .unreachable("lost")), after: chance(10...10_000))
        }
        let arrivals = random.percent(isChaos ? losses : 0) ? 2 : 1
        for arrival in 0..<arrivals {
            after(chance(1...400)) {
                guard device.life == life else { return }
                let answer =
                    try peer.map { try self.peerAnswer(request, from: index, at: $0) }
                    ?? self.relay.answer(
                        request, from: device.id,
                        clockError: device.clockError + device.store.state.settings.clockOffset)
                if case .download = request, answer == .failed(.notFound), peer == nil { self.vainDownloads += 1 }
                guard arrival == 0 else { return }
                deliver(lost ? .failed(.timedOut) : answer, after: self.chance(1...400))
            }
        }
    }

    /// What a device that serves its circle answers.
    func peerAnswer(_ request: SyncRequest, from index: Int, at peer: Int) throws -> SyncAnswer {
        let (server, client) = (devices[peer], devices[index])
        guard !server.isDown, !server.isCutOff else { return .failed(.unreachable("down")) }
        let state = server.store.state
        guard let chain = state.chain, let member = chain.devices[client.id] else { return .failed(.unknownCircle) }
        if case .links(let seq) = request { return .links(try server.store.links(after: seq, limit: 4096)) }
        guard member.isActive else { return .failed(.forbidden) }
        do {
            switch request {
            case .links: return .failed(.forbidden)
            case .frontier:
                return .frontier(
                    RemoteFrontier(heads: try server.store.heads(), linkSeq: chain.seq, link: chain.head))
            case .pushLinks(let links, let previous):
                guard server.machine == nil else { return .failed(.busy(retryAfter: 2)) }
                return try LinkReceiver.take(links, after: previous, chain: chain, into: server.store, by: rules) == nil
                    ? .failed(.conflict) : .linksTaken
            case .pushBranch: throw violation("a device that serves was brought a branch")
            case .entries(let author, let seq, let limit):
                return .entries(
                    try server.store.entries(of: author, after: seq, limit: limit, byteLimit: 1 << 20), more: false)
            case .pushEntries(let entries):
                guard server.machine == nil else { return .failed(.busy(retryAfter: 2)) }
                return .pushed(
                    try EntryReceiver.take(
                        entries, from: "device \(client.id)", chain: chain, into: server.store, by: rules))
            case .missingChunks(let ids, _):
                return .missingChunks(
                    ids.isEmpty
                        ? try server.store.wantedChunks(limit: 1024) : try server.store.missingChunks(among: ids))
            case .upload(let id):
                try server.store.storeChunk(id, bytes: [])
                return .uploaded
            case .download(let id): return state.chunks.contains(id) ? .downloaded : .failed(.notFound)
            }
        } catch is SimulatedStore.PowerFailure {
            try crash(peer)
            return .failed(.unreachable("down"))
        }
    }

    // MARK: Power

    func crash(_ index: Int) throws {
        let device = devices[index]
        device.goDown()
        device.store.crash()
        after(chance(1000...60_000)) { device.isDown = false }
    }
}
