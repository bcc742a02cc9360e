// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Synchronization

/// Lets so much work run at once, of which no circle has more than its part; circles that wait take turns.
final class CircleTurns: Sendable {
    private struct State {
        var running: [CircleID?: Int] = [:]
        var count = 0
        var waiting: [CircleID?: [CheckedContinuation<Void, Never>]] = [:]
        /// Whose turn is next; each circle that waits stands here once.
        var turns: [CircleID?] = []
    }
    private let state = Mutex(State())
    private let places: Int
    private let each: Int

    /// - Parameters:
    ///   - places: of all circles together.
    ///   - each: of one circle, and of what belongs to none.
    init(_ places: Int, each: Int) { (self.places, self.each) = (places, each) }

    /// Runs work of a circle once it is its turn.
    ///
    /// - Throws: what `work` throws.
    func run<Value: Sendable>(
        for circle: CircleID?, _ work: () async throws -> Value
    ) async rethrows -> Value {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.waiting[circle] == nil, start(circle, &state) { return true }
                if state.waiting[circle] == nil { state.turns.append(circle) }
                state.waiting[circle, default: []].append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        defer { end(circle) }
        return try await work()
    }

    private func start(_ circle: CircleID?, _ state: inout State) -> Bool {
        guard state.count < places, state.running[circle, default: 0] < each else { return false }
        state.count += 1
        state.running[circle, default: 0] += 1
        return true
    }

    private func end(_ circle: CircleID?) {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.count -= 1
            state.running.countDown(circle)
            guard let index = state.turns.firstIndex(where: { state.running[$0, default: 0] < each }) else {
                return nil
            }
            let turn = state.turns.remove(at: index)
            guard let next = state.waiting[turn]?.removeFirst(), start(turn, &state) else { return nil }
            if state.waiting[turn]?.isEmpty == false { state.turns.append(turn) } else { state.waiting[turn] = nil }
            return next
        }
        next?.resume()
    }
}
