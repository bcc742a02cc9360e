// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import HTTPTypes
import Hummingbird
import SwiftProtobuf

extension RelayRoutes {
    @Sendable func createCircle(_ request: Request, _ context: RelayContext) async throws -> Response {
        let configuration = service.configuration
        let address = service.address(of: request, context)
        guard configuration.creation != .never else { throw RelayError.inviteRequired }
        let isByInvite = configuration.isByInvite(from: address)
        // Nothing of a body that comes from a stranger is read before what can be told without it.
        let announced = HTTPField.Name("Attune-Invite").flatMap { request.headers[$0] }
        return try await service.rationed(request, context) {
            let signed = try service.signature(of: request)
            if isByInvite {
                guard let announced, try await service.store.knowsInvite(announced) else {
                    try service.takeUnauthenticated(request, context)
                    throw RelayError.inviteRequired
                }
            }
            let body = try await genesisBody(of: request, context)
            let message = try Bodies.decode(body, of: request, as: ProtoCreateCircle.self)
            guard message.links.count < WireLimits.linksPerBranch else {
                throw RelayError.malformed("a circle comes with \(WireLimits.linksPerBranch) links at most")
            }
            let links = try ([message.genesis] + message.links).map { try Link($0) }
            let chain = try await RelayThreads.run(for: links[0].circle) {
                do {
                    var chain = try DeviceChain(genesis: links[0])
                    try chain.append(links.dropFirst())
                    return chain
                } catch let error as WireError {
                    throw RelayError.badLink(error)
                }
            }
            let founder = try service.founder(of: request, chain: chain, signed: signed)
            try await Caller(device: founder, circle: chain.circle, head: chain.head, signed: signed).check(body)
            // Told before the invite is used up, and without counting: a retry is no new circle.
            if let head = try await service.store.head(of: chain.circle) {
                throw head.deletedUntil.map { RelayError.deleted(until: $0) } ?? RelayError.circleExists
            }
            var invite: String?
            if isByInvite || !message.invite.isEmpty {
                guard (1...64).contains(message.invite.utf8.count) else { throw RelayError.inviteRequired }
                invite = message.invite
            } else if let wait = service.creations.take(address) {
                throw RelayError.tooMany("new circles from this address or its network", retryAfter: wait)
            }
            let stored = links.map { StoredLink($0) }
            guard try await service.store.createCircle(chain.circle, links: stored, invite: invite) else {
                throw RelayError.circleExists
            }
            var response = Bodies.empty(.created)
            response.headers[.location] = "\(configuration.basePath)/v1/circles/\(chain.circle)"
            response.headers[.eTag] = "\"\(chain.head)\""
            return response
        }
    }

    /// The body of a request to open a circle, whose sender nobody knows: where it does not come whole that is a failure
    /// of its address.
    private func genesisBody(of request: Request, _ context: RelayContext) async throws -> ByteBuffer {
        do {
            return try await service.body(
                of: request, context, limit: limits.genesisBytes, from: service.creationBodies)
        } catch let error as RelayError where error.kind == RelayError.busy.kind {
            throw RelayError.tooMany("new circles", retryAfter: 1)
        } catch let error as RelayError where error.status == 400 {
            try service.takeUnauthenticated(request, context)
            throw error
        }
    }

    @Sendable func frontier(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, _, _) = try await call(request, context)
        let frontier = try await service.store.frontier(of: circle)
        var message = ProtoFrontier()
        message.heads = frontier.heads.map { head in
            var item = ProtoFrontier.Head()
            item.device = Data(head.device.bytes)
            item.seq = head.seq
            item.entry = Data(head.entry.bytes)
            return item
        }
        message.linkSeq = frontier.link.seq
        message.link = Data(frontier.link.hash.bytes)
        message.bytesUsed = frontier.bytesUsed
        message.bytesLimit = frontier.bytesLimit
        message.chunkGeneration = frontier.chunkGeneration
        return try Bodies.answer(message, to: request)
    }
}
