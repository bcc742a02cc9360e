// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import HTTPTypes
import Hummingbird

extension RelayRoutes {
    @Sendable func entries(_ request: Request, _ context: RelayContext) async throws -> Response {
        let circle = try circle(context)
        let caller = try await service.caller(of: request, context, circle: circle)
        try await caller.check(try await body(request, context))
        var device: DeviceID?
        if let text = request.uri.queryParameters["device"] {
            device = DeviceID(hex: String(text))
            guard device != nil else { throw RelayError.malformed("a device's id has 32 hexadecimal digits") }
        }
        let after = try number("after", request, fallback: 0)
        let asked = try number("limit", request, fallback: UInt64(limits.entriesPerPage))
        guard asked > 0 else { throw RelayError.malformed("limit is at least 1") }
        let limit = Int(min(asked, UInt64(limits.entriesPerPage)))
        let page = try await service.store.entries(of: circle, device: device, after: after, limit: limit)
        var message = ProtoEntries()
        message.entries = page.entries.map { Data($0) }
        message.more = page.more
        return try Bodies.answer(message, to: request)
    }

    @Sendable func pushEntries(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (outcomes, _) = try await append(request, context, limit: limits.entriesPerPush, kinds: nil)
        var message = ProtoPushResult()
        message.outcomes = outcomes.map {
            switch $0 {
            case .new: .new
            case .exists: .exists
            case .gap: .gap
            case .fork: .fork
            case .refused, .releaseLimit: .refused
            }
        }
        return try Bodies.answer(message, to: request, status: outcomes.contains(.fork) ? .conflict : .ok)
    }

    @Sendable func release(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (outcomes, _) = try await append(request, context, limit: 1, kinds: [.release])
        guard let outcome = outcomes.first else { throw RelayError.malformed("a release is one entry") }
        if outcome == .releaseLimit { throw RelayError.releaseLimit }
        var message = ProtoPushResult()
        message.outcomes = [
            outcome == .new
                ? .new : outcome == .exists ? .exists : outcome == .gap ? .gap : outcome == .fork ? .fork : .refused
        ]
        return try Bodies.answer(message, to: request, status: outcome == .fork ? .conflict : .ok)
    }

    /// Verifies entries and appends those that verify.
    private func append(
        _ request: Request, _ context: RelayContext, limit: Int, kinds: Set<ProtoEntryKind>?
    ) async throws -> (outcomes: [AppendOutcome], caller: Caller) {
        let circle = try circle(context)
        let caller = try await service.caller(of: request, context, circle: circle)
        let body = try await body(request, context)
        try await caller.check(body)
        let message = try Bodies.decode(body, of: request, as: ProtoEntries.self)
        guard (1...limit).contains(message.entries.count) else {
            throw RelayError.malformed("one to \(limit) entries are pushed at once")
        }
        let chain = caller.chain
        let verified: [StoredEntry?] = try await BlockingWork.run {
            try message.entries.map { bytes in
                let entry = try Entry(parsing: Array(bytes))
                if let kinds, !kinds.contains(entry.kind) {
                    throw RelayError.malformed("entries of this kind are pushed to entries")
                }
                // An author that is unknown or was removed is told apart from an entry that cannot be read.
                guard (try? chain.author(of: entry)) != nil else { return nil }
                return StoredEntry(
                    device: entry.device, seq: entry.seq, hash: entry.hash, previous: entry.previous,
                    chunks: entry.chunks, released: entry.kind == .release ? entry.released : [], bytes: entry.bytes)
            }
        }
        let kept = verified.compactMap { $0 }
        var outcomes =
            kept.isEmpty
            ? []
            : try await service.store.append(kept, to: circle, release: caller.device.isPaper ? .all : .half)
        service.metrics.accepted(outcomes.count { $0 == .new })
        outcomes.reverse()
        let all = verified.map { $0 == nil ? AppendOutcome.refused : outcomes.popLast() ?? .refused }
        return (all, caller)
    }
}
