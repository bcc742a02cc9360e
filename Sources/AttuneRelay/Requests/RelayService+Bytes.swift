// Attune
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import HummingbirdCore
import NIOCore

/// Sent down a connection once somebody reads the body of the request.
struct BodyIsRead: Sendable {}

extension RelayService {
    /// Reads a whole body of at most `limit` bytes, whatever its length field says.
    ///
    /// Its bytes, and the copies that are made of them, count as taken until the request has its answer.
    ///
    /// - Parameters:
    ///   - budget: where they are taken from; that of devices by default.
    ///   - payer: who they are counted for; the client's address by default.
    ///   - copies: how many there are in memory at once at most.
    /// - Throws: `RelayError.tooLarge`, `.busy`, `.malformed`.
    func body(
        of request: Request, _ context: RelayContext, limit: Int, from budget: ByteBudget? = nil,
        for payer: Payer? = nil, copies: Int = 4
    ) async throws -> ByteBuffer {
        let announced = request.headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > limit { throw RelayError.tooLarge(limit: limit) }
        let expected = announced ?? (request.headers[.transferEncoding] == nil ? 0 : limit)
        if expected > 0 {
            let payer = payer ?? Payer(address(of: request, context))
            context.body.hold(
                try await (budget ?? bodies).take(expected * copies, for: payer, close: context.close))
        }
        // Before this, the connection takes no more than a little from the peer.
        context.channel.triggerUserOutboundEvent(BodyIsRead(), promise: nil)
        var whole = ByteBuffer()
        do {
            for try await part in request.body {
                guard whole.readableBytes + part.readableBytes <= limit else { throw RelayError.tooLarge(limit: limit) }
                if whole.readableBytes == 0 {
                    // The room of the whole at once: a buffer that grows has up to twice as much.
                    whole = part
                    whole.reserveCapacity(min(expected, limit))
                } else {
                    whole.writeImmutableBuffer(part)
                }
            }
        } catch  where !(error is RelayError) {
            // Whatever it is, it is the sender's: a length that is none, an end too early, a connection broken off.
            throw RelayError.malformed("the body of the request cannot be read to its end")
        }
        // A connection that ended before it looks as if the body did.
        guard whole.readableBytes == announced ?? whole.readableBytes else {
            throw RelayError.malformed("the body of the request is shorter than it says")
        }
        context.body.markRead()
        return whole
    }

    /// Makes an answer of up to `bytes` bytes, which count as taken from before it is loaded until its reader has it.
    ///
    /// A reader that does not read loses its connection when others need the room, and at its deadline else.
    ///
    /// - Throws: `RelayError.busy`; what `make` throws.
    func answer(
        of bytes: Int, to payer: Payer, _ context: RelayContext, _ make: () async throws -> Response
    ) async throws -> Response {
        let share = try await answers.take(bytes, for: payer, close: context.close)
        var response = try await make()
        let body = response.body
        share.shrink(to: min(bytes, body.contentLength ?? bytes))
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            defer { share.end() }
            try await body.write(writer)
        }
        return response
    }

    /// Whether the peer of a request has closed its connection, or its side of it.
    func isGone(_ context: RelayContext) -> @Sendable () -> Bool {
        let (channel, place) = (context.channel, places.place(of: context.channel))
        return { !channel.isActive || place?.hasPeerClosed == true }
    }

    /// The address that a request counts for.
    func address(of request: Request, _ context: RelayContext) -> ClientAddress {
        ClientAddress(context.channel, fields: request.headers, trusted: configuration.trustedProxies)
    }
}
