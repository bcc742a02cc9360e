// Attune
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Bytes that all requests together may have in memory at once, shared fairly.
///
/// A circle, or a network of strangers, has at most half. Who needs more than is left waits, and whoever would have least
/// goes first. A share that was held for a second goes to somebody who waits and would have less, after four seconds to who
/// would have as much: its connection is closed. So a slow or silent peer costs others a moment and no more.
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
    private final class Waiter: Sendable {
        let payer: Payer
        let bytes: Int
        let end: ContinuousClock.Instant
        let close: @Sendable () -> Void
        let continuation: CheckedContinuation<Int?, Never>

        init(
            _ payer: Payer, _ bytes: Int, until end: ContinuousClock.Instant, close: @escaping @Sendable () -> Void,
            _ continuation: CheckedContinuation<Int?, Never>
        ) {
            (self.payer, self.bytes, self.end, self.close) = (payer, bytes, end, close)
            self.continuation = continuation
        }
    }
    private struct State {
        var shares: FairShares { didSet { ranks = nil } }
        var holders: [Int: Holder] = [:]
        var waiters: [Int: Waiter] = [:]
        /// What each of those who wait would have, and its number, least first; nil once a share has changed.
        var ranks: [(Int, Int, Int)]?
        var next = 0
        /// Whether somebody looks after those who wait.
        var isAttended = false

        /// Numbers of those who wait, whoever would have least first: those who ask for little pass those who ask for much.
        ///
        /// A crowd that comes while everything is taken is not looked at anew for each one of it.
        var order: [Int] {
            mutating get {
                let ranks = ranks ?? waiters.map { rank($0, $1) }.sorted(by: <)
                self.ranks = ranks
                return ranks.map(\.2)
            }
        }

        mutating func add(_ number: Int, _ waiter: Waiter) {
            waiters[number] = waiter
            let rank = rank(number, waiter)
            if let index = ranks?.firstIndex(where: { rank < $0 }) ?? ranks?.count { ranks?.insert(rank, at: index) }
        }

        mutating func remove(_ number: Int) -> Waiter? {
            ranks?.removeAll { $0.2 == number }
            return waiters.removeValue(forKey: number)
        }

        private func rank(_ number: Int, _ waiter: Waiter) -> (Int, Int, Int) {
            let (group, member) = (shares.share(of: waiter.payer.group), shares.share(of: waiter.payer))
            return (group + waiter.bytes, member + waiter.bytes, number)
        }
    }
    private let state: Mutex<State>
    private let capacity: Int
    private let groupCapacity: Int
    private let patience: Duration
    private static let pause = Duration.milliseconds(50)
    private static let protected = Duration.seconds(1)
    private static let longProtected = Duration.seconds(4)
    /// Requests that wait at once: each of them is looked at whenever something is given back.
    static let waitersLimit = 256

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
    /// - Throws: `RelayError.busy` after `patience`, or if too many wait who have no more.
    func take(_ bytes: Int, for payer: Payer, close: @escaping @Sendable () -> Void) async throws -> Share {
        guard bytes > 0 else { return Share(nil, 0) }
        guard bytes <= groupCapacity else { throw RelayError.busy }
        let free = state.withLock { state -> Int? in
            guard fits(state, payer, bytes), state.waiters.isEmpty || !isContested(state, payer) else { return nil }
            return hold(&state, payer, bytes, close)
        }
        if let free { return Share(self, free) }
        let waiting = state.withLock { state -> Int in
            state.next += 1
            return state.next
        }
        let number = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                wait(waiting, Waiter(payer, bytes, until: .now + patience, close: close, continuation))
                if Task.isCancelled { fail(waiting) }
                grant()
            }
        } onCancel: {
            fail(waiting)
        }
        guard let number else { throw RelayError.busy }
        return Share(self, number)
    }

    /// Has somebody wait; where too many do, whoever has most waits no more.
    private func wait(_ number: Int, _ waiter: Waiter) {
        let (refused, isFirst) = state.withLock { state in
            state.add(number, waiter)
            var refused: Waiter?
            if state.waiters.count > Self.waitersLimit, let last = state.order.last { refused = state.remove(last) }
            defer { state.isAttended = true }
            return (refused, !state.isAttended)
        }
        refused?.continuation.resume(returning: nil)
        guard isFirst else { return }
        Task {
            repeat { try? await Task.sleep(for: Self.pause) } while attend()
        }
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
            for number in state.order {
                guard let waiter = state.waiters[number] else { continue }
                // Who has half already holds up nobody else.
                guard state.shares.share(of: waiter.payer.group) + waiter.bytes <= groupCapacity else { continue }
                guard state.shares.used + waiter.bytes <= capacity else { break }
                _ = state.remove(number)
                granted.append((waiter.continuation, hold(&state, waiter.payer, waiter.bytes, waiter.close)))
            }
            return granted
        }
        for (continuation, number) in granted { continuation.resume(returning: number) }
    }

    /// Takes for those who wait from those who have more, and have had it for long enough, and lets go who waited too
    /// long; false if nobody waits any more.
    private func attend() -> Bool {
        let now = ContinuousClock.now
        let (late, closed) = state.withLock { state in
            let late = state.waiters.filter { $0.value.end <= now }.keys.compactMap { state.remove($0) }
            return (late.map(\.continuation), press(&state, now))
        }
        for continuation in late { continuation.resume(returning: nil) }
        for close in closed { close() }
        grant()
        return state.withLock { state in
            state.isAttended = !state.waiters.isEmpty
            return state.isAttended
        }
    }

    /// Takes what the first of those who wait need, of each group the first one; returns what ends what they had.
    private func press(_ state: inout State, _ now: ContinuousClock.Instant) -> [@Sendable () -> Void] {
        var closed: [@Sendable () -> Void] = []
        var tried: Set<Payer.Group> = []
        for waiter in state.order.compactMap({ state.waiters[$0] }) {
            guard tried.insert(waiter.payer.group).inserted else { continue }
            while !fits(state, waiter.payer, waiter.bytes),
                let (number, close) = giver(in: state, for: waiter, after: Self.protected, now)
                    // Who has had as much for long gives way too, or as many as there is room for would keep all others out.
                    ?? giver(in: state, for: waiter, after: Self.longProtected, isEqual: true, now)
            {
                state.shares.remove(number)
                state.holders[number] = nil
                closed.append(close)
            }
        }
        return closed
    }

    /// The share that goes to a waiter, if it was held for as long as this, and what ends it.
    ///
    /// - Parameter isEqual: whether one goes that is no more than the waiter would have.
    private func giver(
        in state: State, for waiter: Waiter, after time: Duration, isEqual: Bool = false, _ now: ContinuousClock.Instant
    ) -> (number: Int, close: @Sendable () -> Void)? {
        let number = state.shares.giver(
            for: waiter.payer, weight: isEqual ? waiter.bytes - 1 : waiter.bytes,
            isInside: state.shares.share(of: waiter.payer.group) + waiter.bytes > groupCapacity, isByAge: isEqual)
        guard let number, let holder = state.holders[number], now - holder.since >= time else { return nil }
        return (number, holder.close)
    }

    private func fail(_ waiting: Int) {
        let waiter = state.withLock { $0.remove(waiting) }
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
