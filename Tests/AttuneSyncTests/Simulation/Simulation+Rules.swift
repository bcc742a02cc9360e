// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneWire

/// What must hold when all is quiet (`sync.md` §8).
extension Simulation {
    func check() throws {
        try checkForks()
        try checkQuiet()
        try checkRevocations()
        try checkConvergence()
        try checkNothingLost()
        try checkAdapters()
        try checkDeviceNames()
        try checkSecrecy()
    }

    private var survivors: [SimulatedDevice] { devices.filter { !revoked.contains($0.id) } }
    private var culpritID: DeviceID? { culprit.map { devices[$0.index].id } }

    /// No device ever gives one place to two entries, and none is suspected of it.
    private func checkForks() throws {
        if let fork = relay.forks.first(where: { $0.device != culpritID }) {
            throw violation("device \(fork.device) published two entries \(fork.seq)")
        }
        for device in survivors {
            if let evidence = device.store.state.evidence.first(where: { !$0.isSettled }) {
                throw violation(
                    "\(device.id) keeps evidence against an honest device: \(evidence.suspicion.sentence())")
            }
        }
    }

    /// Whatever a culprit says, no name stands still at anybody's for what another device did.
    func checkTrust(in device: SimulatedDevice) throws {
        guard culprit != nil, rules is CircleRules else { return }
        let open = device.store.state.evidence.filter { !$0.isSettled && $0.suspicion.kind.stopsNames }
        if let piece = open.first(where: { $0.suspicion.subject != culpritID }) {
            throw violation("\(device.id) stops for an honest device: \(piece.suspicion.sentence())")
        }
    }

    /// Once the culprit is out, nobody doubts anything, and what it made others keep is bounded.
    private func checkQuiet() throws {
        guard let culpritID else { return }
        guard relay.chain.devices[culpritID]?.isActive == false else { throw violation("the culprit is still in") }
        for device in survivors {
            let doubts: Set = ["E-SYNC-002", "E-SYNC-006", "E-SYNC-009", "E-SYNC-016"]
            if let problem = device.lastProblems.first(where: { doubts.contains($0.code) }) {
                throw violation("\(device.id) still doubts: \(problem.message)")
            }
            let pieces = device.store.state.evidence.count { $0.suspicion.author == culpritID }
            guard pieces <= 64 else { throw violation("\(device.id) keeps \(pieces) pieces of evidence by one device") }
        }
        let lamport = relay.logs.filter { $0.key != culpritID }.values.compactMap(\.last?.lamport).max() ?? 0
        guard lamport < WireLimits.counter >> 8 else { throw violation("the counter stands at \(lamport)") }
    }

    /// Nothing by a removed device counts past its cut-off, and it learns that it was removed.
    private func checkRevocations() throws {
        for device in survivors {
            for id in revoked {
                let last = relay.chain.devices[id]?.revocation?.lastSeq ?? 0
                guard UInt64(device.store.state.logs[id]?.count ?? 0) <= last else {
                    throw violation("\(device.id) kept entries of \(id) past its cut-off")
                }
            }
        }
        for device in devices where revoked.contains(device.id) && device.id != culpritID {
            guard device.lastProblems.contains(where: { ["E-SYNC-004", "E-SYNC-010"].contains($0.code) }) else {
                throw violation("\(device.id) does not know that it was removed: \(device.lastProblems.map(\.code))")
            }
        }
    }

    /// All devices and the relay have the same links and entries.
    private func checkConvergence() throws {
        for device in survivors {
            let state = device.store.state
            guard state.links.map(\.hash) == relay.links.map(\.hash) else {
                throw violation("\(device.id) has \(state.links.count) of \(relay.links.count) links")
            }
            for (author, log) in relay.logs where author != culpritID || !relay.isFull(of: author) {
                let last = relay.chain.devices[author]?.revocation?.lastSeq ?? .max
                let counted = log.prefix { $0.seq <= last }.map(\.hash)
                let held = state.logs[author, default: []].map(\.hash)
                guard held == counted || isUndecided(author) && zip(held, counted).contains(where: !=) else {
                    throw violation(
                        "\(device.id) has \(state.logs[author]?.count ?? 0) of \(counted.count) entries of \(author); "
                            + "\(device.lastProblems.map(\.message)) \(state.lines.suffix(3).map(\.text))")
                }
            }
            for (author, log) in state.logs where author != culpritID && relay.logs[author]?.count ?? 0 < log.count {
                throw violation("the relay has \(relay.logs[author]?.count ?? 0) of \(log.count) entries of \(author)")
            }
            let wanted = state.wanted.subtracting(state.chunks)
            guard wanted.isDisjoint(with: relay.chunks) else {
                throw violation("\(device.id) lacks chunks that the relay has")
            }
        }
    }

    /// Whether nobody can show which half of a shut-out device's log counts: the entry that the revocation names went with
    /// a store that was set back before anybody else had it.
    ///
    /// Then every device keeps the half that it has: were it to take the other one unproven, whoever has the keys and a relay
    /// could take from it what it has of that device at any time.
    private func isUndecided(_ author: DeviceID) -> Bool {
        let named = relay.chain.devices[author]?.revocation?.lastEntry
        guard let last = named, setBack.contains(last) else { return false }
        let logs = survivors.map(\.store.state.logs) + [relay.logs]
        return !logs.contains { $0[author]?.contains { $0.hash == last } ?? false }
    }

    /// Every draft of a device that stayed is with everybody, once, unless it went with a store that was set back.
    private func checkNothingLost() throws {
        let published = relay.logs.filter { $0.key != culpritID }.values.joined().compactMap { entry in
            SimulatedAuthor.open(entry, key: key).map(SimulatedPayload.tag)
        }
        guard Set(published).count == published.count else { throw violation("something was published twice") }
        let known = Set(published)
        for device in survivors {
            let isStuck = try (device.store.ownMark()?.seq ?? 0) > (device.store.heads()[device.id]?.seq ?? 0)
            guard !isStuck else {
                guard device.lastProblems.contains(where: { $0.code == "E-SYNC-005" }) else {
                    throw violation("\(device.id) lost its own entries and does not say so")
                }
                continue
            }
            guard device.store.state.drafts.isEmpty else {
                throw violation("\(device.id) did not publish: \(device.lastProblems.map(\.message))")
            }
            for (payload, author) in authors where author == device.id && !excused.contains(payload) {
                guard known.contains(payload) else { throw violation("a version of \(device.id) is lost") }
            }
        }
        for device in survivors {
            // Where the entry came to the relay another way, whoever has its chunks still brings them.
            let held = device.store.state.chunks
            for entry in relay.logs.filter({ $0.key != culpritID }).values.joined()
            where entry.chunks.contains(where: { held.contains($0) && !relay.chunks.contains($0) }) {
                throw violation("entry \(entry.seq) of \(entry.device) is at the relay without its chunks")
            }
        }
    }

    /// Every device has of adapters what the entries that count say, and the bytes of what it wants: claims of others under
    /// the same ids, names that others gave and chunks that nobody has leave nothing behind and hold up nothing.
    private func checkAdapters() throws {
        for device in survivors {
            let key = key
            try device.store.apply { SimulatedAuthor.open($0, key: key) }
            let state = device.store.state
            var fresh = SimulatedShelf()
            for (author, log) in state.logs { fresh.take(log, of: author) { SimulatedAuthor.open($0, key: key) } }
            guard state.shelf.isSame(as: fresh) else {
                throw violation("\(device.id) has other versions or names than the entries that count say")
            }
            for (author, log) in state.logs where author != culpritID {
                for entry in log where !entry.chunks.isEmpty && relay.chunks.isSuperset(of: entry.chunks) {
                    let version = SimulatedPayload.version(of: entry.chunks)
                    guard state.pinned?.contains(version) ?? true else { continue }
                    guard state.shelf.isProven(version, with: state.chunks) else {
                        throw violation("\(device.id) wants a version of \(author) and does not get it")
                    }
                }
            }
        }
        guard vainDownloads == 0 else { throw violation("\(vainDownloads) chunks were asked for one by one in vain") }
    }

    /// Devices are called what they call themselves.
    private func checkDeviceNames() throws {
        for device in survivors {
            for member in device.store.state.chain?.devices.values ?? [:].values
            where member.id != culpritID && name(member) != ownNames[member.id] {
                throw violation("\(device.id) calls \(member.id) otherwise than it calls itself")
            }
        }
    }

    /// The relay reads nothing.
    private func checkSecrecy() throws {
        let first = Self.marker[0]
        for entry in relay.logs.values.joined() {
            for (index, byte) in entry.bytes.enumerated() where byte == first {
                guard !entry.bytes[index...].starts(with: Self.marker.prefix(12)) else {
                    throw violation("the relay has words of a payload")
                }
            }
        }
    }
}
