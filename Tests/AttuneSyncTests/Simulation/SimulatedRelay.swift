// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

@testable import AttuneSync

/// A relay in memory: it keeps and gives what the real one does, and can be told to lie.
final class SimulatedRelay {
    var links: [Link]
    var chain: DeviceChain
    var logs: [DeviceID: [Entry]] = [:]
    var chunks: Set<ChunkID> = []
    var chunkGeneration: UInt64 = 1
    /// Second entries of a place, and what follows on them: an honest device never makes one.
    var forks: [Entry] = []
    /// Entries that are kept of one device, and of all together.
    var share = 120
    var places = 400
    /// Whether it takes branches of the chain that count, as it did not once.
    var takesBranches = true
    /// Branches that it has taken.
    private(set) var branchesTaken = 0
    /// Changes an answer before it goes out; for relays that are not honest.
    var lie: ((SyncRequest, SyncAnswer, DeviceID) -> SyncAnswer)?

    init(links: [Link]) throws {
        self.links = links
        chain = try DeviceChain(verifying: links.map(\.bytes))
    }

    /// - Parameter clockError: milliseconds by which the signature's time is wrong.
    func answer(_ request: SyncRequest, from device: DeviceID, clockError: Int64) throws -> SyncAnswer {
        if abs(clockError) >= 300_000 { return .failed(.clock(offset: -clockError)) }
        let answer = try honest(request, from: device)
        return lie.map { $0(request, answer, device) } ?? answer
    }

    private func honest(_ request: SyncRequest, from device: DeviceID) throws -> SyncAnswer {
        guard let member = chain.devices[device] else { return .failed(.unknownCircle) }
        if case .links(let seq) = request {
            let end = member.revocation?.at ?? .max
            return .links(links.filter { $0.seq > seq && $0.seq <= end }.map(\.bytes))
        }
        guard member.isActive else { return .failed(.forbidden) }
        switch request {
        case .links: return .failed(.forbidden)
        case .frontier:
            return .frontier(
                RemoteFrontier(
                    heads: logs.keys.reduce(into: [:]) { $0[$1] = head(of: $1) },
                    linkSeq: chain.seq, link: chain.head, chunkGeneration: chunkGeneration))
        case .pushLinks(let pushed, let previous): return try append(pushed, after: previous)
        case .pushBranch(let pushed, let parting):
            let branch = try pushed.map { try Link(parsing: $0) }
            return try takeBranch(branch, after: parting, from: device) ? .linksTaken : .failed(.conflict)
        case .entries(let author, let seq, let limit):
            var rest = Array((logs[author] ?? []).dropFirst(Int(min(seq, 1 << 32))))
            let others = forks.filter { $0.device == author && $0.seq > seq }
            if !others.isEmpty { rest = (rest + others).sorted { $0.seq < $1.seq } }
            return .entries(rest.prefix(limit).map(\.bytes), more: rest.count > limit)
        case .pushEntries(let pushed): return .pushed(try pushed.map(push))
        case .missingChunks(let ids, _): return .missingChunks(ids.filter { !chunks.contains($0) })
        case .upload(let id):
            chunks.insert(id)
            return .uploaded
        case .download(let id): return chunks.contains(id) ? .downloaded : .failed(.notFound)
        }
    }

    private func append(_ pushed: [[UInt8]], after previous: LinkHash) throws -> SyncAnswer {
        let parsed = try pushed.map { try Link(parsing: $0) }
        if parsed.last?.hash == chain.head { return .linksTaken }
        guard previous == chain.head else { return .failed(.conflict) }
        guard parsed.count <= 16 else { return .failed(.malformed("status 400")) }
        var next = chain
        for link in parsed { try next.append(link) }
        for link in parsed { try take(link) }
        return .linksTaken
    }

    private func takeBranch(_ branch: [Link], after previous: LinkHash, from device: DeviceID) throws -> Bool {
        guard takesBranches, branch.count <= WireLimits.linksPerBranch, let first = branch.first,
            let parting = links.firstIndex(where: { $0.hash == previous }), parting + 1 < links.count
        else { return false }
        let (common, own) = (Array(links[...parting]), links[parting + 1])
        let next = try DeviceChain(verifying: (common + branch).map(\.bytes))
        guard own.hash != first.hash, next.devices[device]?.isActive == true,
            chain.yields(to: next, from: own, and: first)
        else { return false }
        branchesTaken += 1
        links = common
        chain = try DeviceChain(verifying: common.map(\.bytes))
        for link in branch { try take(link) }
        for author in logs.keys where chain.devices[author] == nil { logs[author] = nil }
        return true
    }

    /// Everything as it was in a copy of its folder.
    func setBack(to copy: SimulatedRelay) {
        (links, chain, logs, forks, chunks) = (copy.links, copy.chain, copy.logs, copy.forks, copy.chunks)
        chunkGeneration += 1
    }

    /// A copy of its folder.
    func copy() throws -> SimulatedRelay {
        let copy = try SimulatedRelay(links: links)
        copy.setBack(to: self)
        return copy
    }

    private func entries(of device: DeviceID) -> [Entry] {
        (logs[device] ?? []) + forks.filter { $0.device == device }
    }

    /// Whether it takes no more of a device, so that what counts of it may not come here.
    func isFull(of device: DeviceID) -> Bool { entries(of: device).count >= share }

    private func head(of device: DeviceID) -> LogPosition? {
        let beside = forks.filter { $0.device == device }.max { $0.seq < $1.seq }
        guard let last = logs[device]?.last else { return beside?.position }
        return beside.map { $0.seq > last.seq ? $0.position : last.position } ?? last.position
    }

    /// Takes a link; of a device that it shuts out nothing is kept that does not count, as far as that is known.
    func take(_ link: Link) throws {
        try chain.append(link)
        links.append(link)
        for device in chain.devices.values where device.revocation?.at == link.seq { settle(device.id) }
    }

    private func settle(_ device: DeviceID) {
        guard let revocation = chain.devices[device]?.revocation else { return }
        let all = entries(of: device)
        var path: [Entry] = []
        var next = revocation.lastEntry
        while let entry = all.first(where: { $0.hash == next }) {
            path.append(entry)
            next = entry.previous
        }
        if path.isEmpty {
            logs[device]?.removeAll { $0.seq >= revocation.lastSeq }
            forks.removeAll { $0.device == device && $0.seq >= revocation.lastSeq }
        } else {
            logs[device] = path.reversed()
            forks.removeAll { $0.device == device }
        }
    }

    private func push(_ bytes: [UInt8]) throws -> ProtoPushOutcome {
        let entry = try Entry(parsing: bytes)
        guard (try? chain.author(of: entry)) != nil else { return .refused }
        let all = entries(of: entry.device)
        if all.contains(where: { $0.hash == entry.hash }) { return .exists }
        let same = all.count { $0.seq == entry.seq }
        guard same < 2 else { return .refused }
        guard entry.seq == 1 || all.contains(where: { $0.seq + 1 == entry.seq && $0.hash == entry.previous }) else {
            return .gap
        }
        guard all.count < share, logs.values.reduce(0, { $0 + $1.count }) < places else { return .refused }
        let last = logs[entry.device]?.last
        if entry.seq == 1 ? last == nil : entry.previous == last?.hash {
            logs[entry.device, default: []].append(entry)
        } else {
            forks.append(entry)
        }
        if entry.hash == chain.devices[entry.device]?.revocation?.lastEntry { settle(entry.device) }
        return same == 0 ? .new : .fork
    }
}
