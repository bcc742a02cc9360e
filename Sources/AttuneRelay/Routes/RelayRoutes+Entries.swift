// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import HTTPTypes
import Hummingbird

extension RelayRoutes {
    @Sendable func entries(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, caller, _) = try await call(request, context)
        var device: DeviceID?
        if let text = request.uri.queryParameters["device"] {
            device = DeviceID(hex: String(text))
            guard device != nil else { throw RelayError.malformed("a device's id has 32 hexadecimal digits") }
        }
        let after = try number("after", request, fallback: 0)
        let asked = try number("limit", request, fallback: UInt64(limits.entriesPerPage))
        guard asked > 0 else { throw RelayError.malformed("limit is at least 1") }
        let limit = Int(min(asked, UInt64(limits.entriesPerPage)))
        let (store, author) = (service.store, device)
        return try await page(
            request, context, caller: caller, as: ProtoEntries.self
        ) {
            let page = try await store.entries(of: circle, device: author, after: after, limit: limit)
            return (page.entries, page.more, page.next)
        }
    }

    @Sendable func pushEntries(_ request: Request, _ context: RelayContext) async throws -> Response {
        try answer(await append(request, context, limit: limits.entriesPerPush, release: .inTime), to: request)
    }

    @Sendable func release(_ request: Request, _ context: RelayContext) async throws -> Response {
        let outcomes = try await append(request, context, limit: 1, release: .half, kind: .release)
        if outcomes.contains(.releaseLimit) { throw RelayError.releaseLimit }
        return try answer(outcomes, to: request)
    }

    private func answer(_ outcomes: [AppendOutcome], to request: Request) throws -> Response {
        var message = ProtoPushResult()
        message.outcomes = outcomes.map {
            switch $0 {
            case .new: .new
            case .exists: .exists
            case .gap: .gap
            case .fork: .fork
            case .refused, .releaseLimit: .refused
            case .full: .full
            }
        }
        return try Bodies.answer(message, to: request, status: outcomes.contains(.fork) ? .conflict : .ok)
    }

    /// Verifies entries and appends those that verify.
    ///
    /// - Parameters:
    ///   - release: what may be released without the paper device.
    ///   - kind: the only one that is taken; any by default.
    private func append(
        _ request: Request, _ context: RelayContext, limit: Int, release: ReleaseAllowance, kind: ProtoEntryKind? = nil
    ) async throws -> [AppendOutcome] {
        let (circle, caller, body) = try await call(request, context)
        let message = try Bodies.decode(body, of: request, as: ProtoEntries.self)
        guard (1...limit).contains(message.entries.count) else {
            throw RelayError.malformed("one to \(limit) entries are pushed at once")
        }
        var chain = try await service.chain(of: caller, context)
        for _ in 0..<3 {
            let verified = try await verified(message, by: chain, kind: kind)
            let kept = verified.compactMap { $0 }
            guard !kept.isEmpty else { return verified.map { _ in .refused } }
            let stored = try await service.store.append(
                kept, to: circle, newest: chain.head, release: caller.device.isPaper ? .all : release)
            guard var outcomes = stored else {
                // The circle has changed meanwhile, and may have shut an author out.
                chain = try await service.chain(of: caller, context)
                continue
            }
            service.metrics.accepted(outcomes.count { $0 == .new })
            outcomes.reverse()
            return verified.map { $0 == nil ? .refused : outcomes.popLast() ?? .refused }
        }
        throw RelayError.linkRace(head: LinkPosition(seq: chain.seq, hash: chain.head))
    }

    /// The entries whose authors the chain has, nil for the others.
    private func verified(
        _ message: ProtoEntries, by chain: DeviceChain, kind: ProtoEntryKind?
    ) async throws -> [StoredEntry?] {
        try await RelayThreads.run(for: chain.circle) {
            try message.entries.map { bytes in
                let entry = try Entry(parsing: Array(bytes))
                if let kind, entry.kind != kind {
                    throw RelayError.malformed("entries of this kind are pushed to entries")
                }
                // An author that is unknown or was removed is told apart from an entry that cannot be read.
                guard let author = try? chain.author(of: entry) else { return nil }
                return StoredEntry(entry, isLast: author.revocation?.lastEntry == entry.hash)
            }
        }
    }
}
