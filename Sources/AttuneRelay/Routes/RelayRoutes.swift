// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import HTTPTypes
import Hummingbird

/// The paths of the API and what serves them; `schemas/relay.openapi.yaml` describes them.
struct RelayRoutes: Sendable {
    typealias Handler = @Sendable (Request, RelayContext) async throws -> Response

    let service: RelayService
    var limits: RelayLimits { service.configuration.limits }

    func router() -> Router<RelayContext> {
        let router = Router(context: RelayContext.self)
        add("/v1/info", [.get: info], to: router)
        add("/healthz", [.get: health], to: router)
        add("/v1/healthz", [.get: health], to: router)
        add("/metrics", [.get: metrics], to: router)
        add("/v1/metrics", [.get: metrics], to: router)
        add("/v1/circles", [.post: createCircle], to: router)
        add("/v1/circles/{circle}", [.delete: deleteCircle], to: router)
        add("/v1/circles/{circle}/undelete", [.post: undeleteCircle], to: router)
        add("/v1/circles/{circle}/links", [.get: links, .post: appendLinks], to: router)
        add("/v1/circles/{circle}/frontier", [.get: frontier], to: router)
        add("/v1/circles/{circle}/entries", [.get: entries, .post: pushEntries], to: router)
        add("/v1/circles/{circle}/release", [.post: release], to: router)
        add("/v1/circles/{circle}/chunks/missing", [.post: missingChunks], to: router)
        add("/v1/circles/{circle}/chunks/{chunk}", [.get: chunk, .head: chunkHead, .put: putChunk], to: router)
        add("/v1/circles/{circle}/events", [.get: events], to: router)
        add("/v1/rendezvous", [.post: openMailbox], to: router)
        add("/v1/rendezvous/{nameplate}", [.delete: burnMailbox], to: router)
        add("/v1/rendezvous/{nameplate}/{side}", [.get: readMailbox, .post: writeMailbox], to: router)
        return router
    }

    private func add(
        _ path: RouterPath, _ handlers: [HTTPRequest.Method: Handler], to router: Router<RelayContext>
    ) {
        let allowed = handlers.keys.map(\.rawValue).sorted().joined(separator: ", ")
        for method in [HTTPRequest.Method.get, .head, .put, .post, .delete, .patch, .options] {
            router.on(path, method: method) { request, context in
                guard let handler = handlers[method] else {
                    try service.takeUnauthenticated(request, context)
                    throw RelayError.method(allowed: allowed)
                }
                return try await handler(request, context)
            }
        }
    }

    /// The circle in the path.
    func circle(_ context: RelayContext) throws -> CircleID {
        guard let circle = context.parameters.get("circle").flatMap({ CircleID(hex: $0) }) else {
            throw RelayError.malformed("a circle's id has 64 hexadecimal digits")
        }
        return circle
    }

    /// A request about the circle in the path that a device of it signed, with its body, which the signature covers.
    func call(
        _ request: Request, _ context: RelayContext, access: RelayService.Access = .active, isTransfer: Bool = false
    ) async throws -> (circle: CircleID, caller: Caller, body: ByteBuffer) {
        let circle = try circle(context)
        let caller = try await service.caller(
            of: request, context, circle: circle, access: access, isTransfer: isTransfer)
        let body = try await service.body(of: request, context, limit: limits.bodyBytes, for: caller.payer)
        try await caller.check(body)
        return (circle, caller, body)
    }

    /// A number in the query; `fallback` where there is none.
    func number(_ name: String, _ request: Request, fallback: UInt64) throws -> UInt64 {
        guard let text = request.uri.queryParameters[name[...]] else { return fallback }
        guard let value = UInt64(text), value <= WireLimits.counter else {
            throw RelayError.malformed("\(name) is a number up to \(WireLimits.counter)")
        }
        return value
    }
}
