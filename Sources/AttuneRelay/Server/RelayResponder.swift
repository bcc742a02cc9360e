// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What every request passes: a place, the base path, problem details for errors, metrics, and an end for connections
/// whose request was refused before its body was read.
struct RelayResponder<Inner: HTTPResponder>: HTTPResponder where Inner.Context == RelayContext {
    let service: RelayService
    let inner: Inner

    func respond(to request: Request, context: RelayContext) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            try takePlace(request, context)
            response = try await inner.respond(to: relative(request), context: context)
            // The router's own answer for a path that it does not know has no body.
            if response.status == .notFound, response.headers[.contentType] == nil {
                try service.takeUnauthenticated(request, context)
                response = Problem.response(.notFound)
            }
        } catch {
            response = Problem.response(translated(error, context))
        }
        context.body.release()
        if hasBody(request) && !context.body.wasRead || isLast(response, context) {
            response.headers[.connection] = "close"
        }
        response = keepingPlace(response, context)
        // What follows the head of an answer to HEAD would be taken for the next answer.
        if request.method == .head { response = response.createHeadResponse() }
        response.headers[.xContentTypeOptions] = "nosniff"
        service.metrics.count(
            route: context.endpointPath ?? "other", method: request.method, status: response.status.code,
            seconds: (ContinuousClock.now - start).seconds)
        return response
    }

    /// A request that a trusted proxy passes on takes a place of its own, by the address that the proxy names.
    private func takePlace(_ request: Request, _ context: RelayContext) throws {
        guard let peer = context.channel.remoteAddress?.ipAddress, service.configuration.trustedProxies.contains(peer)
        else { return }
        guard let place = service.places.enter(service.address(of: request, context), close: context.close) else {
            throw RelayError.tooMany("requests from this address at once", retryAfter: 1)
        }
        context.passedOn.place = place
    }

    /// Holds that place until the answer was written, or its reader is gone.
    private func keepingPlace(_ response: Response, _ context: RelayContext) -> Response {
        guard let place = context.passedOn.place else { return response }
        var response = response
        let body = response.body
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            defer { place.leave() }
            try await body.write(writer)
        }
        context.passedOn.place = nil
        return response
    }

    /// The request as if there were no base path; a proxy may have taken it away already.
    private func relative(_ request: Request) -> Request {
        let base = service.configuration.basePath
        guard !base.isEmpty, let path = request.head.path, path.hasPrefix(base + "/") else { return request }
        var head = request.head
        head.path = String(path.dropFirst(base.count))
        return Request(head: head, body: request.body)
    }

    private func translated(_ error: any Error, _ context: RelayContext) -> RelayError {
        switch error {
        case let error as RelayError:
            if error.status >= 500, error.kind != RelayError.busy.kind { context.logger.error("\(error)") }
            return error
        case let error as WireError: return .malformed(error.message)
        case let error as HTTPError:
            return error.status == .notFound ? .notFound : .malformed("the request cannot be read")
        default:
            context.logger.error("\(error)")
            return .failed(error)
        }
    }

    /// Whether a connection ends here, because a stranger asked for what it does not get: to ask for more of it costs
    /// another connection, of which a network has so many a second.
    private func isLast(_ response: Response, _ context: RelayContext) -> Bool {
        guard [401, 404, 405, 429].contains(response.status.code), context.passedOn.place == nil else { return false }
        return service.places.place(of: context.channel)?.isProven != true
    }

    private func hasBody(_ request: Request) -> Bool {
        guard request.headers[.transferEncoding] == nil else { return true }
        return request.headers[.contentLength].map { $0 != "0" } ?? false
    }
}
