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
    var chunks: Set<Digest256> = []
    /// Second entries of a place: an honest device never makes one.
    var forks: [Entry] = []
    /// Entries that are kept of one device, and of all together.
    var share = 120
    var places = 400
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
                    heads: logs.compactMapValues(\.last?.position),
                    linkSeq: chain.seq, link: chain.head))
        case .pushLinks(let pushed, let previous): return try append(pushed, after: previous)
        case .entries(let author, let seq, let limit):
            var rest = Array((logs[author] ?? []).dropFirst(Int(min(seq, 1 << 32))))
            let others = forks.filter { $0.device == author && $0.seq > seq }
            if !others.isEmpty { rest = (rest + others).sorted { $0.seq < $1.seq } }
            return .entries(rest.prefix(limit).map(\.bytes), more: rest.count > limit)
        case .pushEntries(let pushed): return .pushed(try pushed.map(push))
        case .missingChunks(let ids): return .missingChunks(ids.filter { !chunks.contains($0) })
        case .upload(let id):
            chunks.insert(id)
            return .uploaded
        case .download(let id): return chunks.contains(id) ? .downloaded : .failed(.notFound)
        }
    }

    private func append(_ pushed: [[UInt8]], after previous: Digest256) throws -> SyncAnswer {
        let parsed = try pushed.map { try Link(parsing: $0) }
        if parsed.last?.hash == chain.head { return .linksTaken }
        guard previous == chain.head else { return .failed(.conflict) }
        var next = chain
        for link in parsed { try next.append(link) }
        for link in parsed { try take(link) }
        return .linksTaken
    }

    /// Takes a link; of a device that it shuts out nothing is kept that does not count.
    func take(_ link: Link) throws {
        try chain.append(link)
        links.append(link)
        var heads = logs.compactMapValues(\.last?.position)
        let cutOffs = CutOffs.of(chain, heads: &heads) { logs[$0]?[Int($1) - 1].hash }
        for (device, last) in cutOffs {
            logs[device]?.removeAll { $0.seq > last }
            forks.removeAll { $0.device == device }
        }
    }

    private func push(_ bytes: [UInt8]) throws -> ProtoPushOutcome {
        let entry = try Entry(parsing: bytes)
        guard (try? chain.author(of: entry)) != nil else { return .refused }
        let log = logs[entry.device] ?? []
        if entry.seq <= UInt64(log.count) {
            if log[Int(entry.seq) - 1].hash == entry.hash { return .exists }
            if !forks.contains(where: { $0.device == entry.device && $0.seq == entry.seq }) { forks.append(entry) }
            return .fork
        }
        guard entry.seq == UInt64(log.count) + 1 else { return .gap }
        guard log.count < share, logs.values.reduce(0, { $0 + $1.count }) < places else { return .refused }
        guard log.last.map({ $0.hash == entry.previous }) ?? true else {
            if !forks.contains(where: { $0.device == entry.device && $0.seq == entry.seq }) { forks.append(entry) }
            return .fork
        }
        logs[entry.device, default: []].append(entry)
        return .new
    }
}
