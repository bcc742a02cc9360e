// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import HTTPTypes
import Hummingbird

extension RelayRoutes {
    @Sendable func links(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, caller, _) = try await call(request, context, access: .everyone)
        let after = try number("after", request, fallback: 0)
        let asked = try number("limit", request, fallback: UInt64(CircleChains.linksPerPage))
        guard asked > 0 else { throw RelayError.malformed("limit is at least 1") }
        // A device that was removed sees the link that removed it, and nothing after.
        let end = caller.device.revocation?.at ?? .max
        let limit = min(asked, UInt64(CircleChains.linksPerPage), end > after ? end - after : 1)
        let store = service.store
        var response = try await page(
            request, context, caller: caller, as: ProtoLinks.self
        ) {
            let page = try await store.links(of: circle, after: after, limit: Int(limit))
            let seen = page.links.filter { $0.seq <= end }
            return (seen.map(\.bytes), page.more && seen.last?.seq ?? end < end, 0)
        }
        if caller.device.isActive { response.headers[.eTag] = "\"\(caller.head)\"" }
        return response
    }

    @Sendable func appendLinks(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, caller, body) = try await call(request, context)
        guard let match = request.headers[.ifMatch] else { throw RelayError.preconditionRequired }
        guard let expected = LinkHash(hex: match.filter { $0 != "\"" && $0 != " " }) else {
            throw RelayError.malformed("If-Match is the hash of the newest link")
        }
        let message = try Bodies.decode(body, of: request, as: ProtoLinks.self)
        // Who only was too late makes its links anew: nothing goes for them.
        let isBranch = try number("branch", request, fallback: 0) == 1
        let limit = isBranch ? limits.linksPerBranch : limits.linksPerPush
        guard (1...limit).contains(message.links.count) else {
            throw RelayError.malformed("one to \(limit) links are appended at once")
        }
        let chain = try await service.chain(of: caller, context)
        // What was appended before is answered as if it was appended now: the first answer may have been lost.
        let links = try message.links.map { try Link($0) }
        guard let last = links.last, last.hash != chain.head else { return appended(chain.head) }
        let isTaken =
            if chain.head == expected {
                try await append(links, to: chain)
            } else if isBranch {
                try await replace(with: links, of: chain, after: expected, by: caller, service.isGone(context))
            } else {
                false
            }
        guard isTaken else {
            let head = try await service.store.head(of: circle)?.link
            throw RelayError.linkRace(head: head ?? LinkPosition(seq: chain.seq, hash: chain.head))
        }
        return appended(last.hash)
    }

    private func append(_ links: [Link], to chain: DeviceChain) async throws -> Bool {
        let next = try await RelayThreads.run(for: chain.circle) { try Self.chain(chain, with: links) }
        for link in links where !link.isRevocation {
            // Shutting out goes on whatever else a device has done today.
            if let wait = service.links.take("\(chain.circle)\(link.signer)") {
                throw RelayError.tooMany("changes of the circle by this device", retryAfter: wait)
            }
        }
        return try await service.store.appendLinks(
            links.map { StoredLink($0) }, to: chain.circle, after: chain.head,
            cutOffs: CutOff.of(next, inPlaceOf: chain))
    }

    /// Puts a branch in place of the links that follow on `parting`, if it counts in their place by `DeviceChain.yields`.
    ///
    /// Only a device may bring it that is in the circle where the two part, by what is here, and by the branch; and only a
    /// few a day, since all links before are verified anew for each. Recovery words that are here go only as links say.
    private func replace(
        with links: [Link], of chain: DeviceChain, after parting: LinkHash, by caller: Caller,
        _ isGone: @escaping @Sendable () -> Bool
    ) async throws -> Bool {
        guard let first = links.first, first.previous == parting, first.seq > 1, first.seq <= chain.seq else {
            return false
        }
        let here = try await service.store.links(of: chain.circle, after: first.seq - 2, limit: 2).links
        guard here.count == 2, here[0].hash == parting, here[1].hash != first.hash else { return false }
        if let wait = service.branches.take("\(chain.circle)\(caller.device.id)") {
            throw RelayError.tooMany("branches of the circle by this device", retryAfter: wait)
        }
        let common = try await service.chains.chain(of: chain.circle, upTo: first.seq - 1, for: caller.payer) {
            if isGone() { throw RelayError.busy }
        }
        guard let common, common.head == parting else { return false }
        let next = try await RelayThreads.run(for: chain.circle) { () -> DeviceChain? in
            let next = try Self.chain(common, with: links)
            let own = try Link(parsing: here[1].bytes)
            let isMember = [common, next].allSatisfy { $0.devices[caller.device.id]?.isActive == true }
            // They are what is left to an owner whose device is in the wrong hands.
            let keepsWords = chain.paper.map { next.devices[$0.id] != nil } ?? true
            return isMember && keepsWords && chain.yields(to: next, from: own, and: first) ? next : nil
        }
        guard let next else { return false }
        return try await service.store.replaceLinks(
            with: links.map { StoredLink($0) }, of: chain.circle, newest: chain.head,
            cutOffs: CutOff.of(next, inPlaceOf: chain))
    }

    private static func chain(_ chain: DeviceChain, with links: [Link]) throws -> DeviceChain {
        var next = chain
        do {
            try next.append(links)
        } catch {
            throw RelayError.badLink(error)
        }
        return next
    }

    private func appended(_ head: LinkHash) -> Response {
        var response = Bodies.empty(.created)
        response.headers[.eTag] = "\"\(head)\""
        return response
    }
}
