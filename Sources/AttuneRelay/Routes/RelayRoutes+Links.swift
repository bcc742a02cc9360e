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
        if caller.device.isActive { response.headers[.eTag] = "\"\(caller.chain.head)\"" }
        return response
    }

    @Sendable func appendLinks(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, caller, body) = try await call(request, context)
        guard let match = request.headers[.ifMatch] else { throw RelayError.preconditionRequired }
        guard let expected = LinkHash(hex: match.filter { $0 != "\"" && $0 != " " }) else {
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
            throw RelayError.linkRace(head: LinkPosition(seq: chain.seq, hash: chain.head))
        }
        let cutOffs = try await RelayThreads.run(for: circle) {
            var next = chain
            do {
                for link in links { try next.append(link) }
            } catch {
                throw RelayError.badLink(error)
            }
            return next.devices.values.compactMap { device -> CutOff? in
                guard let revocation = device.revocation, chain.devices[device.id]?.revocation == nil else {
                    return nil
                }
                return CutOff(device: device.id, seq: revocation.lastSeq, entry: revocation.lastEntry)
            }
        }
        for link in links where !link.isRevocation {
            // Shutting out goes on whatever else a device has done today.
            if let wait = service.links.take("\(circle)\(link.signer)") {
                throw RelayError.tooMany("changes of the circle by this device", retryAfter: wait)
            }
        }
        let stored = links.map { StoredLink($0) }
        guard
            try await service.store.appendLinks(stored, to: circle, after: expected, cutOffs: cutOffs),
            let last = stored.last
        else {
            let head = try await service.store.head(of: circle)?.link
            throw RelayError.linkRace(head: head ?? LinkPosition(seq: chain.seq, hash: chain.head))
        }
        return appended(last.hash)
    }

    private func appended(_ head: LinkHash) -> Response {
        var response = Bodies.empty(.created)
        response.headers[.eTag] = "\"\(head)\""
        return response
    }
}
