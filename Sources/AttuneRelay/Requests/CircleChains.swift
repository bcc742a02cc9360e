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
final class CircleChains: Sendable {
    private struct State {
        var chains: [CircleID: DeviceChain] = [:]
        /// Oldest first.
        var order: [CircleID] = []
        var bytes = 0
    }
    private let state = Mutex(State())
    private let store: any RelayStore
    /// Bytes of chains at most, about.
    private static let limit = 32 << 20
    /// Links that are read at once.
    static let linksPerPage = 512

    init(store: any RelayStore) { self.store = store }

    /// The circle with its chain up to its newest link, or nil if there is none.
    ///
    /// - Throws: if the store fails or holds links that do not verify.
    func circle(_ circle: CircleID) async throws -> KnownCircle? {
        guard let head = try await store.head(of: circle) else { return nil }
        let known = state.withLock { $0.chains[circle] }
        if let known, known.head == head.link.hash {
            return KnownCircle(chain: known, deletedUntil: head.deletedUntil)
        }
        // Another node, or another request, has appended: only the new links are verified, unless they are a branch.
        let start = known.flatMap { $0.seq < head.link.seq ? $0 : nil }
        let next: DeviceChain?
        do {
            next = try await chain(of: circle, from: start)
        } catch let error as WireError {
            guard start != nil else { throw error }
            next = try await chain(of: circle)
        }
        guard let next else { return nil }
        keep(next, of: circle, inPlaceOf: known)
        return KnownCircle(chain: next, deletedUntil: head.deletedUntil)
    }

    /// The chain of a circle, verified; nil if there is none.
    ///
    /// - Parameters:
    ///   - start: what is verified already.
    ///   - end: the last link that is read.
    func chain(
        of circle: CircleID, from start: DeviceChain? = nil, upTo end: UInt64 = .max
    ) async throws -> DeviceChain? {
        var chain = start
        while true {
            let known = chain
            let left = end - min(end, known?.seq ?? 0)
            guard left > 0 else { return chain }
            let page = try await store.links(
                of: circle, after: known?.seq ?? 0, limit: Int(min(left, UInt64(Self.linksPerPage))))
            chain = try await RelayThreads.run(for: circle) {
                var next = known
                for link in page.links {
                    let link = try Link(parsing: link.bytes)
                    if next == nil { next = try DeviceChain(genesis: link) } else { try next?.append(link) }
                }
                return next
            }
            guard page.more else { return chain }
        }
    }

    private func keep(_ chain: DeviceChain, of circle: CircleID, inPlaceOf seen: DeviceChain?) {
        let bytes = Self.bytes(of: chain)
        guard bytes <= Self.limit / 4 else { return }
        state.withLock { state in
            // A slower request must not put an older chain back; a branch may be shorter.
            if let known = state.chains[circle] {
                guard known.seq < chain.seq || known.head == seen?.head else { return }
                state.bytes -= Self.bytes(of: known)
            } else {
                state.order.append(circle)
            }
            state.chains[circle] = chain
            state.bytes += bytes
            while state.bytes > Self.limit, let oldest = state.order.first {
                state.order.removeFirst()
                if let gone = state.chains.removeValue(forKey: oldest) { state.bytes -= Self.bytes(of: gone) }
            }
        }
    }

    /// What a chain takes in memory, about: keys stand in it twice, and each array has a header.
    private static func bytes(of chain: DeviceChain) -> Int {
        1024 + 6144 * chain.devices.count + 1536 * chain.envelopes.count + 256 * chain.sealedPrevious.count
    }

    func forget(_ circle: CircleID) {
        state.withLock { state in
            guard let gone = state.chains.removeValue(forKey: circle) else { return }
            state.bytes -= Self.bytes(of: gone)
            state.order.removeAll { $0 == circle }
        }
    }
}
