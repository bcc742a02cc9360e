// Attune
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Bytes that all requests together may have in memory at once, or places that they have, shared fairly.
///
/// A circle, or a network of strangers, has at most half. Who needs more than is left waits, and whoever has least goes
/// first. A share that was held for a second goes to somebody who waits and has less: its connection is closed. So a slow
/// or silent peer costs others a moment and no more.
final class ByteBudget: Sendable {
    /// Bytes that somebody has, until `end` or until nobody holds this any more.
    final class Share: Sendable {
        private let budget: ByteBudget?
        private let number: Int

        fileprivate init(_ budget: ByteBudget?, _ number: Int) {
            self.budget = budget
            self.number = number
        }

        deinit { budget?.give(number) }

        /// Gives back what turned out to be more than is needed.
        func shrink(to bytes: Int) { budget?.change(number, to: bytes) }

        func end() { budget?.give(number) }
    }

    private struct Holder {
        let since: ContinuousClock.Instant
        let close: @Sendable () -> Void
    }
    private struct Waiter {
        let payer: Payer
        let bytes: Int
        let close: @Sendable () -> Void
        let continuation: CheckedContinuation<Int?, Never>
    }
    private struct State {
        var shares: FairShares
        var holders: [Int: Holder] = [:]
        var waiters: [Int: Waiter] = [:]
        var next = 0
    }
    private let state: Mutex<State>
    private let capacity: Int
    private let groupCapacity: Int
    private let patience: Duration
    private static let pause = Duration.milliseconds(50)
    private static let protected = Duration.seconds(1)

    /// - Parameters:
    ///   - capacity: bytes.
    ///   - patience: how long a request waits; default 10 s.
    init(_ capacity: Int, patience: Duration = .seconds(10)) {
        state = Mutex(State(shares: FairShares(capacity)))
        self.capacity = capacity
        groupCapacity = max(1, capacity / 2)
        self.patience = patience
    }

    /// Bytes that are taken.
    var used: Int { state.withLock { $0.shares.used } }

    /// Takes bytes, waiting for them where they are not free.
    ///
    /// - Parameter close: ends what the bytes are for; called at most once, if somebody with less needs them.
    /// - Throws: `RelayError.busy` after `patience`.
    func take(_ bytes: Int, for payer: Payer, close: @escaping @Sendable () -> Void) async throws -> Share {
        guard bytes > 0 else { return Share(nil, 0) }
        guard bytes <= groupCapacity else { throw RelayError.busy }
        let free = state.withLock { state -> Int? in
            guard state.waiters.isEmpty || !isContested(state, payer), fits(state, payer, bytes) else { return nil }
            return hold(&state, payer, bytes, close)
        }
        if let free { return Share(self, free) }
        let waiting = state.withLock { state -> Int in
            state.next += 1
            return state.next
        }
        let timer = Task {
            let end = ContinuousClock.now + patience
            while ContinuousClock.now < end, (try? await Task.sleep(for: Self.pause)) != nil { press(waiting) }
            fail(waiting)
        }
        let number = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock {
                    $0.waiters[waiting] = Waiter(
                        payer: payer, bytes: bytes, close: close, continuation: continuation)
                }
                if Task.isCancelled { fail(waiting) }
                grant()
            }
        } onCancel: {
            fail(waiting)
        }
        timer.cancel()
        guard let number else { throw RelayError.busy }
        return Share(self, number)
    }

    /// Whether somebody waits who has no more than this payer.
    private func isContested(_ state: State, _ payer: Payer) -> Bool {
        let own = state.shares.share(of: payer.group)
        return state.waiters.values.contains {
            let share = state.shares.share(of: $0.payer.group)
            return $0.payer.group == payer.group || share <= own && share + $0.bytes <= groupCapacity
        }
    }

    private func fits(_ state: State, _ payer: Payer, _ bytes: Int) -> Bool {
        state.shares.used + bytes <= capacity && state.shares.share(of: payer.group) + bytes <= groupCapacity
    }

    private func hold(
        _ state: inout State, _ payer: Payer, _ bytes: Int, _ close: @escaping @Sendable () -> Void
    ) -> Int {
        let number = state.shares.add(bytes, for: payer)
        state.holders[number] = Holder(since: .now, close: close)
        return number
    }

    /// Lets those go on for whom there is room, whoever has least first.
    private func grant() {
        let granted = state.withLock { state -> [(CheckedContinuation<Int?, Never>, Int)] in
            var granted: [(CheckedContinuation<Int?, Never>, Int)] = []
            let order = state.waiters.sorted {
                let (one, other) = ($0.value.payer, $1.value.payer)
                return (state.shares.share(of: one.group), state.shares.share(of: one), $0.key)
                    < (state.shares.share(of: other.group), state.shares.share(of: other), $1.key)
            }
            for (number, waiter) in order {
                // Who has half already holds up nobody else.
                guard state.shares.share(of: waiter.payer.group) + waiter.bytes <= groupCapacity else { continue }
                guard state.shares.used + waiter.bytes <= capacity else { break }
                state.waiters[number] = nil
                granted.append((waiter.continuation, hold(&state, waiter.payer, waiter.bytes, waiter.close)))
            }
            return granted
        }
        for (continuation, number) in granted { continuation.resume(returning: number) }
    }

    /// Takes from those who have more than the one that waits, and have had it for long enough.
    private func press(_ waiting: Int) {
        let closed = state.withLock { state -> [@Sendable () -> Void] in
            guard let waiter = state.waiters[waiting] else { return [] }
            var closed: [@Sendable () -> Void] = []
            while !fits(state, waiter.payer, waiter.bytes),
                let number = state.shares.giver(
                    for: waiter.payer, weight: waiter.bytes,
                    isInside: state.shares.share(of: waiter.payer.group) + waiter.bytes > groupCapacity),
                let holder = state.holders[number], .now - holder.since >= Self.protected
            {
                state.shares.remove(number)
                state.holders[number] = nil
                closed.append(holder.close)
            }
            return closed
        }
        for close in closed { close() }
        grant()
    }

    private func fail(_ waiting: Int) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: waiting) }
        waiter?.continuation.resume(returning: nil)
    }

    private func change(_ number: Int, to bytes: Int) {
        state.withLock { $0.shares.change(number, to: bytes) }
        grantIfAnyWaits()
    }

    private func give(_ number: Int) {
        state.withLock { state in
            state.holders[number] = nil
            state.shares.remove(number)
        }
        grantIfAnyWaits()
    }

    private func grantIfAnyWaits() {
        if state.withLock({ !$0.waiters.isEmpty }) { grant() }
    }
}
