// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import HTTPTypes
import HummingbirdCore
import NIOCore

/// A request whose signature holds.
struct Caller: Sendable {
    let device: CircleDevice
    let circle: CircleID
    /// The circle's newest link.
    let head: LinkHash
    let signed: SignedRequest

    /// Who its places and bytes are counted for.
    var payer: Payer { Payer(device.id, of: circle) }

    /// Checks the body against the digest that was signed.
    func check(_ body: ByteBuffer) async throws {
        let signed = signed
        let check: @Sendable () throws -> Void = { try signed.check(body: Array(body.readableBytesView)) }
        do {
            // Handing a short one to another thread takes longer than its digest.
            if body.readableBytes <= 8192 { try check() } else { try await RelayThreads.run(for: circle, check) }
        } catch is WireError {
            throw RelayError.wrongHash
        }
    }
}

extension RelayService {
    /// Which devices may call a route.
    enum Access: Sendable {
        case active
        /// Those that were removed too: they learn from the links that they were.
        case everyone
        /// As active ones, of a circle that was deleted too.
        case deleted
    }

    /// Verifies that a device of the circle signed the request, before any of its body is read.
    ///
    /// - Throws: `RelayError.unsigned`, `.clockSkew`, `.replayed`, `.revoked`, `.noCircle`, `.tooMany`.
    func caller(
        of request: Request, _ context: RelayContext, circle: CircleID, access: Access = .active,
        isTransfer: Bool = false
    ) async throws -> Caller {
        try await counted(request, context) {
            let signed = try self.signature(of: request)
            guard let known = try await self.chains.circle(circle, isGone: self.isGone(context)),
                let device = known.chain.devices[signed.device]
            else { throw RelayError.noCircle }
            try self.verify(signed, request, signingKey: device.signingKey)
            if let wait = (isTransfer ? self.transferRate : self.requests).take(signed.device.description) {
                throw RelayError.tooMany("requests of this device", retryAfter: wait)
            }
            guard device.isActive || access == .everyone else { throw RelayError.revoked }
            if let until = known.deletedUntil, access != .deleted { throw RelayError.deleted(until: until) }
            try (context.passedOn.place ?? self.places.place(of: context.channel))?.prove(device.id)
            return Caller(device: device, circle: circle, head: known.chain.head, signed: signed)
        }
    }

    /// The chain of a caller's circle as it is now, which is looked up only once the body of its request is there: while a
    /// body comes nobody holds a chain that the circle has left behind.
    ///
    /// - Throws: `RelayError.revoked`, `.noCircle`, `.busy`.
    func chain(of caller: Caller, _ context: RelayContext) async throws -> DeviceChain {
        guard let chain = try await chains.circle(caller.circle, isGone: isGone(context))?.chain else {
            throw RelayError.noCircle
        }
        guard chain.devices[caller.device.id]?.isActive == true else { throw RelayError.revoked }
        return chain
    }

    /// Verifies a request that brings a circle: an active device of the links that come signs it.
    func founder(of request: Request, chain: DeviceChain, signed: SignedRequest) throws -> CircleDevice {
        guard let device = chain.devices[signed.device], device.isActive, !device.isPaper else {
            throw RelayError.noCircle
        }
        try verify(signed, request, signingKey: device.signingKey)
        return device
    }

    /// The signature fields of a request, with a time near the relay's.
    func signature(of request: Request) throws -> SignedRequest {
        let signed: SignedRequest
        do {
            signed = try SignedRequest(fields: { name in HTTPField.Name(name).flatMap { request.headers[$0] } })
        } catch {
            throw RelayError.unsigned("the request has no signature that can be read", time: now)
        }
        guard signed.isTimely(at: now / 1000) else { throw RelayError.clockSkew(time: now) }
        return signed
    }

    private func verify(_ signed: SignedRequest, _ request: Request, signingKey: [UInt8]) throws {
        let authority = request.head.authority ?? ""
        guard serves(authority) else {
            throw RelayError.unsigned("the request names another host than this relay", time: now)
        }
        let (path, query) = Self.split(request.head.path ?? "")
        do {
            try signed.verify(
                method: request.method.rawValue, authority: authority.lowercased(), path: path, query: query,
                signingKey: signingKey)
        } catch {
            throw RelayError.unsigned("the signature is not that of the device over this request", time: now)
        }
        guard replays.remember(signed.nonce, of: signed.device, now: Int64(now / 1000)) else {
            throw RelayError.replayed(time: now)
        }
    }

    static func split(_ target: String) -> (path: String, query: String?) {
        guard let mark = target.firstIndex(of: "?") else { return (target, nil) }
        return (String(target[..<mark]), String(target[target.index(after: mark)...]))
    }

    /// Lets an address fail only so often: a failure takes one of its unauthenticated requests.
    func counted<Value>(
        _ request: Request, _ context: RelayContext, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as RelayError where [401, 404].contains(error.status) {
            try takeUnauthenticated(request, context)
            throw error
        }
    }

    /// As `counted`, for what needs no signature: an address that has failed too often learns nothing any more.
    func rationed<Value>(
        _ request: Request, _ context: RelayContext, _ body: () async throws -> Value
    ) async throws -> Value {
        if let wait = unauthenticated.shortage(address(of: request, context).bucket) {
            throw RelayError.tooMany("requests from this address", retryAfter: wait)
        }
        return try await counted(request, context, body)
    }

    /// Counts a request without a signature that holds.
    ///
    /// - Throws: `RelayError.tooMany`.
    func takeUnauthenticated(_ request: Request, _ context: RelayContext) throws {
        if let wait = unauthenticated.take(address(of: request, context).bucket) {
            throw RelayError.tooMany("requests from this address", retryAfter: wait)
        }
    }
}
