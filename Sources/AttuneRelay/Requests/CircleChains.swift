// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Synchronization

/// A circle as a request finds it.
struct KnownCircle: Sendable {
    let chain: DeviceChain
    /// Unix seconds at which it goes for good, if it was deleted.
    let deletedUntil: Int64?
}

/// The verified chains of circles that were asked for lately, as far as memory was set aside for them.
///
/// A circle is verified once at a time, and all who ask for it meanwhile wait for that. What is verified at once has bounds
/// of memory of its own, of which no circle has more than half.
final class CircleChains: Sendable {
    private struct State {
        var chains: [CircleID: DeviceChain] = [:]
        /// Oldest first.
        var order: [CircleID] = []
        var bytes = 0
    }
    private let state = Mutex(State())
    private let store: any RelayStore
    private let flights: SingleFlight<CircleID, DeviceChain?>
    private let memory: ByteBudget
    /// Bytes of chains at most, about: more than the longest one has.
    private static let limit = 64 << 20
    /// Bytes of chains that are verified at once: more than the two longest ones have.
    private static let verifiedAtOnce = 128 << 20
    /// Links that are read at once.
    static let linksPerPage = 512

    init(store: any RelayStore, limits: RelayLimits) {
        self.store = store
        flights = SingleFlight(limits.chainWaiters)
        memory = ByteBudget(Self.verifiedAtOnce)
    }

    /// The circle with its chain up to its newest link, or nil if there is none.
    ///
    /// - Parameter isGone: whether nobody waits for it any more.
    /// - Throws: `RelayError.busy`; if the store fails or holds links that do not verify.
    func circle(
        _ circle: CircleID, isGone: @escaping @Sendable () -> Bool = { false }
    ) async throws -> KnownCircle? {
        for _ in 0..<4 {
            guard let head = try await store.head(of: circle) else { return nil }
            let known = state.withLock { $0.chains[circle] }
            if let known, known.head == head.link.hash {
                return KnownCircle(chain: known, deletedUntil: head.deletedUntil)
            }
            let verified = try await flights.run(circle, isGone: isGone) { check in
                try await self.verify(circle, check)
            }
            guard let verified else { return nil }
            // What was under way may have begun before this link came.
            if verified.head == head.link.hash || verified.seq > head.link.seq {
                return KnownCircle(chain: verified, deletedUntil: head.deletedUntil)
            }
        }
        throw RelayError.busy
    }

    private func verify(
        _ circle: CircleID, _ check: @escaping @Sendable () throws -> Void
    ) async throws -> DeviceChain? {
        // Read anew: an older chain must not take the place of one that was verified since.
        guard let head = try await store.head(of: circle)?.link else { return nil }
        let (known, end) = (state.withLock { $0.chains[circle] }, head.seq)
        if let known, known.head == head.hash { return known }
        // Another node, or another request, has appended: only the new links are verified, unless they are a branch.
        let start = known.flatMap { $0.seq < end ? $0 : nil }
        let next: DeviceChain?
        do {
            next = try await chain(of: circle, from: start, upTo: end, for: Payer(circle), check)
        } catch let error as WireError {
            guard start != nil else { throw error }
            next = try await chain(of: circle, upTo: end, for: Payer(circle), check)
        }
        if let next { keep(next, of: circle) }
        return next
    }

    /// The chain of a circle, verified; nil if there is none.
    ///
    /// - Parameters:
    ///   - start: what is verified already.
    ///   - end: the last link that is read.
    ///   - payer: who its memory is counted for.
    ///   - check: throws once nobody waits any more.
    /// - Throws: `RelayError.busy` if there is no memory for it, or others needed it.
    func chain(
        of circle: CircleID, from start: DeviceChain? = nil, upTo end: UInt64, for payer: Payer,
        _ check: @escaping @Sendable () throws -> Void
    ) async throws -> DeviceChain? {
        let isTaken = Taken()
        let share = try await memory.take(Self.bytes(from: start, upTo: end), for: payer) { isTaken.set() }
        defer { share.end() }
        var chain = start
        while true {
            try check()
            guard !isTaken.isSet else { throw RelayError.busy }
            let known = chain
            let left = end - min(end, known?.seq ?? 0)
            guard left > 0 else { return chain }
            let page = try await store.links(
                of: circle, after: known?.seq ?? 0, limit: Int(min(left, UInt64(Self.linksPerPage))))
            chain = try await RelayThreads.run(for: circle) {
                guard var next = known else {
                    return try page.links.isEmpty ? nil : DeviceChain(verifying: page.links.map(\.bytes))
                }
                try next.append(page.links.map { try Link(parsing: $0.bytes) })
                return next
            }
            guard page.more else { return chain }
        }
    }

    /// Whether somebody with less needed the memory.
    private final class Taken: Sendable {
        private let state = Mutex(false)
        var isSet: Bool { state.withLock { $0 } }
        func set() { state.withLock { $0 = true } }
    }

    private func keep(_ chain: DeviceChain, of circle: CircleID) {
        state.withLock { state in
            if let known = state.chains[circle] {
                state.bytes -= Self.bytes(of: known)
            } else {
                state.order.append(circle)
            }
            state.chains[circle] = chain
            state.bytes += Self.bytes(of: chain)
            while state.bytes > Self.limit {
                // A chain of thousands of devices gives way before hundreds of others do.
                let large = state.order.firstIndex {
                    $0 != circle && state.chains[$0].map(Self.bytes(of:)) ?? 0 > Self.limit / 64
                }
                guard let index = large ?? state.order.firstIndex(where: { $0 != circle }) else { return }
                if let gone = state.chains.removeValue(forKey: state.order.remove(at: index)) {
                    state.bytes -= Self.bytes(of: gone)
                }
            }
        }
    }

    /// What a chain takes in memory, about: keys stand in it twice, and each array has a header.
    private static func bytes(of chain: DeviceChain) -> Int {
        bytes(devices: chain.devices.count, envelopes: chain.envelopes.count, links: chain.seq)
    }

    private static func bytes(devices: Int, envelopes: Int, links: UInt64) -> Int {
        1024 + 4096 * devices + 1536 * envelopes + 256 * Int(min(links, WireLimits.links))
    }

    /// What the links after `start` take at most while they are verified, a page of them as it is read and parsed.
    private static func bytes(from start: DeviceChain?, upTo end: UInt64) -> Int {
        let links = Int(min(WireLimits.links, end - min(end, start?.seq ?? 0)))
        // Each has one device at most, the first one two, and no chain has more than those places come to.
        let places = Int(WireLimits.sharedLinks) + WireLimits.envelopes * Int(WireLimits.linksOfShare)
        return bytes(devices: min(links, places) + 1, envelopes: WireLimits.envelopes, links: end)
            + min(links, 64) * WireLimits.linkBytes
    }
}
