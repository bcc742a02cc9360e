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
        info.inviteOnly = service.configuration.isByInvite(from: service.address(of: request, context))
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
        if let token = service.configuration.metricsToken {
            guard
                WireHash.sha512(Array((request.headers[.authorization] ?? "").utf8))
                    == WireHash.sha512(Array("Bearer \(token)".utf8))
            else {
                try service.takeUnauthenticated(request, context)
                throw RelayError.notFound
            }
        } else {
            guard service.configuration.showsMetricsHere, service.address(of: request, context).isLocal else {
                try service.takeUnauthenticated(request, context)
                throw RelayError.notFound
            }
        }
        let places = service.places.count
        let text = service.metrics.text(gauges: [
            ("event_streams", "Open event streams.", UInt64(service.hub.count)),
            ("connections", "Connections, and requests that proxies pass on.", UInt64(places.all)),
            ("stranger_connections", "Of them, those without a signature that held.", UInt64(places.strangers)),
            (
                "body_bytes", "Memory of bodies of requests under way.",
                UInt64(service.bodies.used + service.creationBodies.used + service.mailboxBodies.used)
            ),
            ("answer_bytes", "Memory of answers under way.", UInt64(service.answers.used)),
        ])
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
