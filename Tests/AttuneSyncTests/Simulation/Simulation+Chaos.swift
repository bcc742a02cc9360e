// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneWire

/// What happens to the devices: work, faults, and in the end peace.
extension Simulation {
    /// Runs the whole simulation and checks the rules at its end.
    func run() throws {
        for index in devices.indices { schedule(index) }
        let steps = Int.random(in: 30...70, using: &random)
        for _ in 0..<steps {
            after(chance(0...3_600_000)) { try self.disturb() }
        }
        try advance(until: 3_600_000)
        try makePeace()
        try check()
    }

    /// A device syncs every few minutes.
    private func schedule(_ index: Int) {
        after(chance(1000...300_000)) {
            guard self.isChaos, self.culprit?.index != index else { return }
            if self.hasPeers, self.random.percent(25) {
                let peer = Int(self.chance(0...Int64(self.devices.count - 1)))
                if peer != index { try self.sync(index, with: peer) }
            } else {
                try self.sync(index)
            }
            self.schedule(index)
        }
    }

    func advance(until end: Int64) throws {
        while let (time, event) = queue.removeFirst() {
            now = time
            guard time <= end else {
                queue.add(at: time, event)
                break
            }
            try event()
        }
        now = max(now, end)
    }

    private func disturb() throws {
        let index = Int(chance(0...Int64(devices.count - 1)))
        let device = devices[index]
        guard index != culprit?.index else { return }
        switch Int(chance(0...99)) {
        case 0..<45: try draft(index)
        case 45..<55 where !device.isDown: device.store.light(fuse: Int(chance(0...12)))
        case 55..<62: try crash(index)
        case 62..<70: device.backup = device.store.backup()
        case 70..<77: try restore(index)
        case 77..<80: try revoke(by: index)
        case 80: try renameItself(index)
        case 81..<87: device.clockError = chance(-315_360_000_000...315_360_000_000)
        default:
            device.isCutOff = true
            after(chance(10_000...900_000)) { device.isCutOff = false }
        }
    }

    private func draft(_ index: Int) throws {
        let device = devices[index]
        guard !device.isDown else { return }
        let tag = newTag()
        let chunks = (0..<Int(chance(0...3))).map { _ in
            ChunkID(WireHash.blake2b(random.bytes(16), personal: "chunk"))
        }
        let parents = device.store.state.logs.values.compactMap(\.last?.hash).sorted().prefix(2)
        let known = device.store.state.shelf.adapters.randomElement(using: &random)
        let name = "\(device.id.bytes[0])-\(chance(0...99))"
        let version = SimulatedPayload.version(of: chunks)
        let content: SimulatedPayload.Content =
            if !chunks.isEmpty {
                .version(
                    adapter: known.flatMap { random.percent(60) ? $0 : nil } ?? AdapterID(random.bytes(16))!,
                    id: version,
                    name: name)
            } else if let known {
                .name(adapter: known, name)
            } else {
                .note
            }
        do {
            try device.store.draft(
                SimulatedPayload(tag: tag, content).bytes, kind: chunks.isEmpty ? .change : .version,
                parents: Array(parents), chunks: chunks)
            authors[tag] = device.id
            // Somebody pins what comes of it.
            let other = devices[Int(chance(0...Int64(devices.count - 1)))]
            if !other.isDown, random.percent(50), !chunks.isEmpty { try other.store.pin(version) }
        } catch is SimulatedStore.PowerFailure {
            // What was drafted with the power failing was never there.
            try crash(index)
        }
    }

    func newTag() -> [UInt8] { Self.marker + random.bytes(SimulatedPayload.tagBytes - Self.marker.count) }

    private func renameItself(_ index: Int) throws {
        let device = devices[index]
        guard !device.isDown, !revoked.contains(device.id), device.store.state.links.count == relay.links.count else {
            return
        }
        let name = random.bytes(Link.sealedNameBytes)
        try relay.take(SimulatedLinks.rename(device.id, sealedName: name, by: device.identity, on: relay.chain))
        ownNames[device.id] = name
    }

    /// Sets a store back to a copy of its own past.
    private func restore(_ index: Int) throws {
        let device = devices[index]
        guard let backup = device.backup else { return }
        let before = payloads(of: device.store.state, device.id)
        let held = Set(device.store.state.logs.values.joined().map(\.hash))
        // Where devices meet without the relay, an entry may be known to one of them only: a store that is set back
        // with the file beside it cannot know, and nobody can tell it (`sync.md` §5.2).
        device.goDown()
        device.store.restore(backup, whole: !hasPeers && random.percent(50))
        setBack.formUnion(held.subtracting(device.store.state.logs.values.joined().map(\.hash)))
        after(chance(1000...60_000)) { device.isDown = false }
        var known = payloads(of: device.store.state, device.id)
        known.formUnion(payloads(of: relay.logs[device.id] ?? []))
        for other in devices where other.id != device.id && !revoked.contains(other.id) {
            known.formUnion(payloads(of: other.store.state.logs[device.id] ?? []))
        }
        excused.formUnion(before.subtracting(known))
    }

    private func revoke(by index: Int) throws {
        let signer = devices[index]
        guard !signer.isDown, !revoked.contains(signer.id), signer.store.state.links.count == relay.links.count,
            // Two have to be left once the culprit is out, or it takes a second signature to shut it out.
            relay.chain.active.count > (culprit == nil ? 2 : 3)
        else { return }
        let candidates = relay.chain.active.map(\.id).filter { $0 != signer.id }
        guard let victim = candidates.randomElement(using: &random) else { return }
        let last = try signer.store.heads()[victim]
        let link = try SimulatedLinks.revoke(victim, last: last, by: signer.identity, on: relay.chain)
        try relay.take(link)
        revoked.insert(victim)
    }

    /// No more faults: everybody syncs with the relay until nothing changes.
    private func makePeace() throws {
        isChaos = false
        try advance(until: now + 700_000)
        let honest = devices.indices.filter { $0 != culprit?.index }
        for device in devices {
            device.isDown = false
            device.isCutOff = false
            if device.machine != nil { device.goDown() }
            device.isDown = false
            device.store.crash()
        }
        for _ in 0..<4 {
            for index in honest {
                try sync(index)
                try advance(until: now + 120_000)
            }
            try shutCulpritOut()
        }
    }

    func payloads(of entries: [Entry]) -> Set<[UInt8]> {
        Set(
            entries.compactMap {
                SimulatedAuthor.open($0, key: key).map(SimulatedPayload.tag)
            })
    }

    private func payloads(of state: SimulatedStore.State, _ device: DeviceID) -> Set<[UInt8]> {
        payloads(of: state.logs[device] ?? []).union(
            state.drafts.map { SimulatedPayload.tag(of: $0.payload) })
    }
}
