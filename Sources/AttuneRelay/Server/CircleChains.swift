// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Synchronization

/// The verified chains of circles that were asked for lately.
final class CircleChains: Sendable {
    private struct State {
        var chains: [Digest256: DeviceChain] = [:]
        /// Oldest first.
        var order: [Digest256] = []
    }
    private let state = Mutex(State())
    private let store: any RelayStore
    private static let limit = 4096

    init(store: any RelayStore) { self.store = store }

    /// The chain up to its newest link, or nil where there is no such circle.
    ///
    /// - Throws: where the store fails or holds links that do not verify.
    func chain(of circle: Digest256) async throws -> DeviceChain? {
        guard let head = try await store.linkHead(of: circle) else { return nil }
        let known = state.withLock { $0.chains[circle] }
        if let known, known.head == head.hash { return known }
        // Another node, or another request, has appended: only the new links are verified.
        let start = known.flatMap { $0.seq < head.seq ? $0 : nil }
        let links = try await store.links(of: circle, after: start?.seq ?? 0)
        let chain = try await BlockingWork.run {
            guard var chain = start else { return try DeviceChain(verifying: links.map(\.bytes)) }
            for link in links { try chain.append(try Link(parsing: link.bytes)) }
            return chain
        }
        keep(chain, of: circle)
        return chain
    }

    private func keep(_ chain: DeviceChain, of circle: Digest256) {
        state.withLock { state in
            if state.chains[circle] == nil {
                if state.order.count >= Self.limit { state.chains[state.order.removeFirst()] = nil }
                state.order.append(circle)
            }
            // A slower request must not put an older chain back.
            if let known = state.chains[circle], known.seq >= chain.seq { return }
            state.chains[circle] = chain
        }
    }

    func forget(_ circle: Digest256) {
        state.withLock { state in
            state.chains[circle] = nil
            state.order.removeAll { $0 == circle }
        }
    }
}
