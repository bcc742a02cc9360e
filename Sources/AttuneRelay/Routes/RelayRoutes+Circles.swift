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
            if isByInvite, let announced, try await !service.store.knowsInvite(announced) {
                try service.takeUnauthenticated(request, context)
                throw RelayError.inviteRequired
            }
            guard service.genesisBodies.take(nil) else { throw RelayError.tooMany("new circles", retryAfter: 1) }
            defer { service.genesisBodies.give(nil) }
            let body = try await service.body(of: request, context, limit: limits.genesisBytes)
            let message = try Bodies.decode(body, of: request, as: ProtoCreateCircle.self)
            let link = try Link(message.genesis)
            let chain: DeviceChain
            do {
                chain = try DeviceChain(genesis: link)
            } catch {
                throw RelayError.badLink(error)
            }
            let founder = try service.founder(of: request, chain: chain, signed: signed)
            try await Caller(device: founder, chain: chain, signed: signed).check(body)
            // Told before the invite is used up, and without counting: a retry is no new circle.
            guard try await service.store.linkHead(of: link.hash) == nil else { throw RelayError.circleExists }
            var invite: String?
            if isByInvite || !message.invite.isEmpty {
                guard (1...64).contains(message.invite.utf8.count) else { throw RelayError.inviteRequired }
                invite = message.invite
            } else if let wait = service.creations.take(address.bucket) {
                throw RelayError.tooMany("new circles from this address", retryAfter: wait)
            }
            let genesis = StoredLink(seq: 1, hash: link.hash, bytes: link.bytes)
            guard try await service.store.createCircle(link.hash, genesis: genesis, invite: invite) else {
                throw RelayError.circleExists
            }
            var response = Bodies.empty(.created)
            response.headers[.location] = "\(configuration.basePath)/v1/circles/\(link.hash)"
            response.headers[.eTag] = "\"\(link.hash)\""
            return response
        }
    }

    @Sendable func deleteCircle(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, _, _) = try await call(request, context)
        try await service.store.deleteCircle(circle)
        service.chains.forget(circle)
        return Bodies.empty(.noContent)
    }

    @Sendable func links(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, caller, _) = try await call(request, context, access: .everyone)
        // A device that was removed sees the link that removed it, and nothing after.
        let end = caller.device.revocation?.at ?? .max
        let after = try number("after", request, fallback: 0)
        var message = ProtoLinks()
        message.links = try await service.store.links(of: circle, after: after).filter { $0.seq <= end }.map {
            try ProtoSignedLink(serializedBytes: $0.bytes)
        }
        var response = try Bodies.answer(message, to: request)
        if caller.device.isActive { response.headers[.eTag] = "\"\(caller.chain.head)\"" }
        return response
    }

    @Sendable func appendLinks(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, caller, body) = try await call(request, context)
        guard let match = request.headers[.ifMatch] else { throw RelayError.preconditionRequired }
        guard let expected = Digest256(hex: match.filter { $0 != "\"" && $0 != " " }) else {
            throw RelayError.malformed("If-Match is the hash of the newest link")
        }
        let message = try Bodies.decode(body, of: request, as: ProtoLinks.self)
        guard (1...limits.linksPerPush).contains(message.links.count) else {
            throw RelayError.malformed("one to \(limits.linksPerPush) links are appended at once")
        }
        let chain = caller.chain
        // What was appended before is answered as if it was appended now: the first answer may have been lost.
        let links = try message.links.map { try Link($0) }
        if let last = links.last, last.hash == chain.head { return appended(last.hash) }
        guard chain.head == expected else {
            throw RelayError.linkRace(head: LogPosition(seq: chain.seq, hash: chain.head))
        }
        let stored = try await BlockingWork.run {
            var next = chain
            do {
                for link in links { try next.append(link) }
            } catch {
                throw RelayError.badLink(error)
            }
            return links.map { StoredLink(seq: $0.seq, hash: $0.hash, bytes: $0.bytes) }
        }
        guard try await service.store.appendLinks(stored, to: circle, after: expected), let last = stored.last else {
            let head = try await service.store.linkHead(of: circle)
            throw RelayError.linkRace(head: head ?? LogPosition(seq: chain.seq, hash: chain.head))
        }
        return appended(last.hash)
    }

    private func appended(_ head: Digest256) -> Response {
        var response = Bodies.empty(.created)
        response.headers[.eTag] = "\"\(head)\""
        return response
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
        return try Bodies.answer(message, to: request)
    }
}
