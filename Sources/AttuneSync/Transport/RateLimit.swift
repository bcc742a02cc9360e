// Attune
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Spaces out bytes so that no more than so many go per second, however many transfers share it.
package final class RateLimit: Sendable {
    private struct State {
        var bytesPerSecond: Int?
        var free: ContinuousClock.Instant?
    }

    private let state: Mutex<State>

    /// - Parameter bytesPerSecond: nil for no limit.
    package init(bytesPerSecond: Int?) {
        state = Mutex(State(bytesPerSecond: bytesPerSecond.map { max(1, $0) }))
    }

    package var isUnlimited: Bool { state.withLock { $0.bytesPerSecond == nil } }

    /// Returns when `count` more bytes may go.
    ///
    /// - Throws: `CancellationError`.
    package func pass(_ count: Int) async throws {
        let instant = state.withLock { state -> ContinuousClock.Instant? in
            guard let limit = state.bytesPerSecond else { return nil }
            let start = max(state.free ?? .now, .now)
            state.free = start + .nanoseconds(Int64(Double(count) / Double(limit) * 1e9))
            return start
        }
        if let instant, instant > .now { try await Task.sleep(until: instant, clock: .continuous) }
    }
}
