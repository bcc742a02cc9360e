// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What every request passes: the base path, problem details for errors, metrics, and an end for bodies nobody reads.
struct RelayResponder<Inner: HTTPResponder>: HTTPResponder where Inner.Context == RelayContext {
    let service: RelayService
    let inner: Inner

    func respond(to request: Request, context: RelayContext) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            response = try await inner.respond(to: relative(request), context: context)
            // The router's own answer for a path that it does not know has no body.
            if response.status == .notFound, response.headers[.contentType] == nil {
                response = Problem.response(.notFound)
            }
        } catch {
            response = Problem.response(translated(error, context))
        }
        if !context.body.wasRead, !isSmall(request) { response = closing(response, context) }
        // What follows the head of an answer to HEAD would be taken for the next answer.
        if request.method == .head { response = response.createHeadResponse() }
        response.headers[.xContentTypeOptions] = "nosniff"
        service.metrics.count(
            route: context.endpointPath ?? "other", method: request.method, status: response.status.code,
            seconds: (ContinuousClock.now - start) / .seconds(1))
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
            if error.status >= 500 { context.logger.error("\(error)") }
            return error
        case let error as WireError: return .malformed(error.message)
        case let error as HTTPError:
            return error.status == .notFound ? .notFound : .malformed("the request cannot be read")
        default:
            context.logger.error("\(error)")
            return .failed(error)
        }
    }

    /// Whether a body that nobody read is short enough to be read to its end, so that the connection can go on.
    private func isSmall(_ request: Request) -> Bool {
        guard request.headers[.transferEncoding] == nil else { return false }
        guard let length = request.headers[.contentLength] else { return true }
        return Int(length).map { $0 <= 64 << 10 } ?? false
    }

    private func closing(_ response: Response, _ context: RelayContext) -> Response {
        var last = response
        let (body, channel) = (response.body, context.channel)
        last.body = ResponseBody(contentLength: body.contentLength) { writer in
            try await body.write(writer)
            channel.close(promise: nil)
        }
        last.headers[.connection] = "close"
        return last
    }
}
