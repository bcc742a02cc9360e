// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Synchronization

/// Wakes those who wait for news of a circle.
///
/// A signal says only that something may be new: whoever gets it compares counts. So a reader that is slow loses
/// nothing though only the newest signal is kept for it.
final class EventHub: Sendable {
    enum Signal: Sendable {
        case counters(RelayCounters)
        /// Nothing new; says that the connection lives.
        case beat
    }

    /// Signals to one reader.
    struct Subscription: Sendable {
        let signals: AsyncStream<Signal>
        fileprivate let number: Int
        fileprivate let circle: CircleID
        fileprivate let continuation: AsyncStream<Signal>.Continuation

        func finish() { continuation.finish() }
    }

    private struct Circle {
        var latest: RelayCounters?
        var readers: [Int: AsyncStream<Signal>.Continuation] = [:]
    }
    private struct State {
        var next = 0
        var circles: [CircleID: Circle] = [:]
    }
    private let state = Mutex(State())

    /// Readers of all circles.
    var count: Int { state.withLock { $0.circles.values.reduce(0) { $0 + $1.readers.count } } }

    func subscribe(_ circle: CircleID) -> Subscription {
        let (signals, continuation) = AsyncStream.makeStream(of: Signal.self, bufferingPolicy: .bufferingNewest(1))
        return state.withLock { state in
            state.next += 1
            state.circles[circle, default: Circle()].readers[state.next] = continuation
            return Subscription(signals: signals, number: state.next, circle: circle, continuation: continuation)
        }
    }

    func unsubscribe(_ subscription: Subscription) {
        subscription.finish()
        state.withLock { state in
            state.circles[subscription.circle]?.readers[subscription.number] = nil
            if state.circles[subscription.circle]?.readers.isEmpty == true {
                state.circles[subscription.circle] = nil
            }
        }
    }

    /// Follows the store's changes until cancelled.
    func run(_ store: any RelayStore, heartbeat: Double) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await circle in store.changes() {
                    for circle in circle.map({ [$0] }) ?? self.watched { await self.announce(circle, store: store) }
                }
            }
            group.addTask {
                while (try? await Task.sleep(for: .seconds(heartbeat))) != nil { self.beat() }
            }
        }
    }

    /// Circles with readers.
    private var watched: [CircleID] { state.withLock { Array($0.circles.keys) } }

    private func announce(_ circle: CircleID, store: any RelayStore) async {
        guard state.withLock({ $0.circles[circle] != nil }) else { return }
        guard let counters = try? await store.counters(of: circle) else {
            // The circle is gone.
            let readers = state.withLock { Array($0.circles[circle]?.readers.values ?? [:].values) }
            for reader in readers { reader.finish() }
            return
        }
        let readers = state.withLock { state in
            state.circles[circle]?.latest = counters
            return Array(state.circles[circle]?.readers.values ?? [:].values)
        }
        for reader in readers { reader.yield(.counters(counters)) }
    }

    private func beat() {
        let signals = state.withLock { state in
            state.circles.values.flatMap { circle in
                circle.readers.values.map { ($0, circle.latest.map(Signal.counters) ?? Signal.beat) }
            }
        }
        for (reader, signal) in signals { reader.yield(signal) }
    }
}
