// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire

/// The links of this device's circle, kept the same here and at a relay.
struct RemoteCircle: Sendable {
    let vault: Vault
    let address: RemoteAddress
    private let client: HTTPClient

    init(vault: Vault, address: RemoteAddress, client: HTTPClient) {
        self.vault = vault
        self.address = address
        self.client = client
    }

    /// Runs `body` with a client that is shut down at the end.
    static func withClient<Value: Sendable>(
        _ client: HTTPClient = HTTPTransport.makeClient(), _ body: (HTTPClient) async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body(client)
            try? await client.shutdown()
            return value
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    func transport(_ circle: DeviceCircle) -> HTTPTransport {
        let keys = circle.keys
        return HTTPTransport(
            client: client, address: address, circle: circle.circle, device: circle.device, sign: { keys.sign($0) })
    }

    /// Asks the relay, once more with its clock where the clocks differ.
    private func ask<Value: Sendable>(
        _ transport: HTTPTransport, _ body: (HTTPTransport) async throws -> Value
    ) async throws -> Value {
        do {
            return try await body(transport)
        } catch RemoteFailure.clock(let offset) {
            transport.adjustClock(offset)
            return try await body(transport)
        }
    }

    /// Brings the circle to the relay, or what the relay knows of it here, so that both have the same links.
    ///
    /// - Parameter invite: for a relay that does not know the circle and asks for a token.
    /// - Throws: `CircleError` E-DEVICE-010; `KitError` E-DEVICE-011, E-DEVICE-012; `WireError` for links that do not hold.
    func reconcile(invite: String? = nil) async throws -> DeviceCircle {
        var circle = try await BlockingWork.run { [vault] in try DeviceCircle.require(vault) }
        try circle.requireMembership()
        let transport = transport(circle)
        do {
            let frontier = try await frontier(of: circle, transport, invite: invite)
            if frontier.linkSeq > circle.chain.seq {
                // A long chain comes in pages.
                while frontier.linkSeq > circle.chain.seq {
                    let seq = circle.chain.seq
                    circle = try await take(try await ask(transport) { try await $0.links(after: seq).links }, circle)
                }
                try await note(told: circle.chain.seq)
                return circle
            }
            let own = try await BlockingWork.run { [vault] in
                try vault.circle.links(after: frontier.linkSeq - 1, limit: Int(WireLimits.links))
            }
            guard let shared = own.first, try Link(parsing: shared).hash == frontier.link else {
                throw KitError.linksDiffer(address.base)
            }
            var previous = frontier.link
            for part in stride(from: 1, to: own.count, by: WireLimits.linksPerPush) {
                let links = Array(own[part..<min(part + WireLimits.linksPerPush, own.count)])
                try await ask(transport) { [previous] in try await $0.push(links: links, previous: previous) }
                if let last = links.last { previous = try Link(parsing: last).hash }
            }
            try await note(told: circle.chain.seq)
            return circle
        } catch RemoteFailure.forbidden {
            // Whom it refuses it still gives the link that shuts it out.
            let seq = circle.chain.seq
            if let links = try? await ask(transport, { try await $0.links(after: seq).links }), !links.isEmpty {
                try await take(links, circle).requireMembership()
            }
            throw KitError.remote(.forbidden, address.base)
        } catch let failure as RemoteFailure {
            throw KitError.remote(failure, address.base)
        }
    }

    /// Notes that the relay has the links up to `seq`.
    private func note(told seq: UInt64) async throws {
        try await BlockingWork.run { [vault] in try VaultSyncStore(vault).note(linksTold: seq, toRelay: true) }
    }

    private func frontier(
        of circle: DeviceCircle, _ transport: HTTPTransport, invite: String?
    ) async throws -> RemoteFrontier {
        do {
            return try await ask(transport) { try await $0.frontier() }
        } catch RemoteFailure.unknownCircle {
            let count = Int(circle.own?.addedAt ?? 1)
            let links = try await BlockingWork.run { [vault] in try vault.circle.links(after: 0, limit: count) }
            guard !links.isEmpty else { throw CircleError.damagedCircle }
            try await ask(transport) { try await $0.createCircle(links: links, invite: invite) }
            return try await transport.frontier()
        }
    }

    /// Verifies links of the relay and keeps them.
    private func take(_ links: [[UInt8]], _ circle: DeviceCircle) async throws -> DeviceCircle {
        try await BlockingWork.run { [vault] in
            let parsed = try links.map { try Link(parsing: $0) }
            guard let first = parsed.first, first.previous == circle.chain.head else {
                throw KitError.linksDiffer(address.base)
            }
            try CircleKeys(vault).keep(parsed, after: circle.chain)
            return try DeviceCircle.require(vault)
        }
    }

    /// Publishes links that follow on the circle's newest.
    ///
    /// - Returns: false where another device was faster.
    func push(_ links: [Link], of circle: DeviceCircle) async throws -> Bool {
        do {
            try await ask(transport(circle)) {
                try await $0.push(links: links.map(\.bytes), previous: circle.chain.head)
            }
            try await note(told: circle.chain.seq + UInt64(links.count))
            return true
        } catch RemoteFailure.conflict {
            return false
        } catch let failure as RemoteFailure {
            throw KitError.remote(failure, address.base)
        }
    }

    /// Has the relay delete the circle.
    ///
    /// - Returns: unix seconds at which it goes for good; nil if the relay does not say.
    func delete(_ second: (device: DeviceID, signature: [UInt8]), _ circle: DeviceCircle) async throws -> Int64? {
        do {
            return try await ask(transport(circle)) { try await $0.deleteCircle(second: second) }
        } catch let failure as RemoteFailure {
            throw KitError.remote(failure, address.base)
        }
    }

    /// Brings the circle back.
    func undelete(_ circle: DeviceCircle) async throws {
        do {
            try await ask(transport(circle)) { try await $0.undeleteCircle() }
        } catch let failure as RemoteFailure {
            throw KitError.remote(failure, address.base)
        }
    }
}
