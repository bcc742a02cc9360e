// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import HTTPTypes
import Hummingbird

extension RelayRoutes {
    @Sendable func missingChunks(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, _, body) = try await call(request, context)
        let message = try Bodies.decode(body, of: request, as: ProtoChunkIDs.self)
        let ids = message.ids.compactMap { ChunkID($0) }
        guard ids.count == message.ids.count, ids.count <= limits.chunkIDsPerQuery else {
            throw RelayError.malformed("up to \(limits.chunkIDsPerQuery) ids of 32 bytes are asked for at once")
        }
        var answer = ProtoChunkIDs()
        let ifNamed = try number("named", request, fallback: 0) > 0
        answer.ids = try await service.store.missing(ids, in: circle, ifNamed: ifNamed).map { Data($0.bytes) }
        return try Bodies.answer(answer, to: request)
    }

    @Sendable func chunkHead(_ request: Request, _ context: RelayContext) async throws -> Response {
        let id = try chunkID(context)
        let (circle, _, _) = try await call(request, context, isTransfer: true)
        guard let size = try await service.store.chunkSize(id, in: circle) else { throw RelayError.noChunk }
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/octet-stream", .contentLength: String(size), .eTag: "\"\(id)\"",
            ])
    }

    @Sendable func chunk(_ request: Request, _ context: RelayContext) async throws -> Response {
        let id = try chunkID(context)
        let (circle, caller, _) = try await call(request, context, isTransfer: true)
        let device = caller.device.id
        guard service.transfers.take(device) else { throw RelayError.tooMany("transfers at once", retryAfter: 1) }
        // The body never runs where the reader is gone before it.
        let transfer = AtEnd { [service] in service.transfers.give(device) }
        return try await service.answer(of: limits.chunkBytes, to: caller.payer, context) {
            guard let bytes = try await service.store.chunk(id, in: circle) else { throw RelayError.noChunk }
            let body = ResponseBody(contentLength: bytes.readableBytes) { [service] writer in
                defer { withExtendedLifetime(transfer) {} }
                try await writer.write(bytes)
                try await writer.finish(nil)
                service.metrics.sent(bytes.readableBytes)
            }
            return Response(
                status: .ok,
                headers: [.contentType: "application/octet-stream", .eTag: "\"\(id)\"", .cacheControl: "no-store"],
                body: body)
        }
    }

    @Sendable func putChunk(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, id) = (try circle(context), try chunkID(context))
        let caller = try await service.caller(of: request, context, circle: circle, isTransfer: true)
        let device = caller.device.id
        guard service.transfers.take(device) else { throw RelayError.tooMany("transfers at once", retryAfter: 1) }
        defer { service.transfers.give(device) }
        let bytes = try await service.body(
            of: request, context, limit: limits.chunkBytes, for: caller.payer, copies: 2)
        guard WireLimits.isChunk(bytes.readableBytes) else {
            throw RelayError.malformed(
                "a chunk has \(WireLimits.chunkBytes) bytes, or the last one of its blob a smaller multiple of "
                    + "\(WireLimits.chunkStep)")
        }
        service.metrics.received(bytes.readableBytes)
        let signed = caller.signed
        try await RelayThreads.run(for: circle) {
            let whole = Array(bytes.readableBytesView)
            guard ChunkID(WireHash.blake2b(whole, personal: "")) == id, (try? signed.check(body: whole)) != nil else {
                throw RelayError.wrongHash
            }
        }
        let isNew = try await service.store.putChunk(bytes, id: id, in: circle)
        return Bodies.empty(isNew ? .created : .ok)
    }

    private func chunkID(_ context: RelayContext) throws -> ChunkID {
        guard let id = context.parameters.get("chunk").flatMap({ ChunkID(hex: $0) }) else {
            throw RelayError.malformed("a chunk's id has 64 hexadecimal digits")
        }
        return id
    }
}
