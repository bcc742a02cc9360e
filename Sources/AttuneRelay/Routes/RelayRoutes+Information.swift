// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import Hummingbird

extension RelayRoutes {
    @Sendable func info(_ request: Request, _ context: RelayContext) async throws -> Response {
        try service.takeUnauthenticated(request, context)
        var info = ProtoInfo()
        info.software = service.configuration.software
        info.versions = [1]
        info.time = service.now
        info.authority = service.authority
        info.inviteOnly = service.configuration.creation != .open
        info.limits.chunkBytes = UInt64(limits.chunkBytes)
        info.limits.entryBytes = UInt64(WireLimits.entryBytes)
        info.limits.entriesPerPush = UInt32(limits.entriesPerPush)
        info.limits.entriesPerPage = UInt32(limits.entriesPerPage)
        info.limits.chunkIdsPerQuery = UInt32(limits.chunkIDsPerQuery)
        info.limits.circleBytes = service.configuration.circleBytes
        return try Bodies.answer(info, to: request)
    }

    /// Says whether the store can write.
    @Sendable func health(_ request: Request, _ context: RelayContext) async throws -> Response {
        do {
            try await service.store.check()
        } catch {
            throw RelayError.unavailable(error)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: "ok\n")))
    }

    @Sendable func metrics(_ request: Request, _ context: RelayContext) async throws -> Response {
        let address = ClientAddress(
            context.channel, fields: request.headers, trusted: service.configuration.trustedProxies)
        if let token = service.configuration.metricsToken {
            guard
                WireHash.sha512(Array((request.headers[.authorization] ?? "").utf8))
                    == WireHash.sha512(Array("Bearer \(token)".utf8))
            else {
                try service.takeUnauthenticated(request, context)
                throw RelayError.notFound
            }
        } else {
            guard address.isLocal else { throw RelayError.notFound }
        }
        let text = service.metrics.text(gauges: [
            ("event_streams", "Open event streams.", UInt64(service.hub.count))
        ])
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
