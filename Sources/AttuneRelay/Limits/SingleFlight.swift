// Attune
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Does the work for a key once at a time: all who ask meanwhile wait for it and get what it comes to.
///
/// Only so many wait for one key. The work ends at its next check once nobody waits for it any more.
final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Waiter {
        let continuation: CheckedContinuation<Value, any Error>
        let isGone: @Sendable () -> Bool
    }
    private struct State {
        /// Of each key whose work is under way, who waits for it.
        var waiters: [Key: [Int: Waiter]] = [:]
        var next = 0
    }
    private let state = Mutex(State())
    private let limit: Int

    /// - Parameter limit: who may wait for one key at once.
    init(_ limit: Int) { self.limit = limit }

    /// Keys whose work is under way.
    var count: Int { state.withLock { $0.waiters.count } }

    /// Returns what the work under way for a key comes to, which is `work` if there is none.
    ///
    /// - Parameters:
    ///   - isGone: whether nobody waits for this answer any more.
    ///   - work: calls what it is given now and then, which throws once nobody waits.
    /// - Throws: what the work throws; `RelayError.busy` if too many wait, or this one was gone.
    func run(
        _ key: Key, isGone: @escaping @Sendable () -> Bool,
        _ work: @escaping @Sendable (_ check: @escaping @Sendable () throws -> Void) async throws -> Value
    ) async throws -> Value {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isFirst = state.withLock { state -> Bool? in
                    let waiting = state.waiters[key]
                    guard waiting?.count ?? 0 < limit else { return nil }
                    state.waiters[key, default: [:]][number] = Waiter(continuation: continuation, isGone: isGone)
                    return waiting == nil
                }
                guard let isFirst else { return continuation.resume(throwing: RelayError.busy) }
                if isFirst { Task { await fly(key, work) } }
                if Task.isCancelled { leave(key, number) }
            }
        } onCancel: {
            leave(key, number)
        }
    }

    private func fly(
        _ key: Key, _ work: @Sendable (_ check: @escaping @Sendable () throws -> Void) async throws -> Value
    ) async {
        let result: Result<Value, any Error>
        do {
            result = .success(try await work { try self.check(key) })
        } catch {
            result = .failure(error)
        }
        let waiting = state.withLock { $0.waiters.removeValue(forKey: key) ?? [:] }
        for waiter in waiting.values { waiter.continuation.resume(with: result) }
    }

    /// Lets those go who are gone.
    ///
    /// - Throws: `RelayError.busy` if nobody is left.
    private func check(_ key: Key) throws {
        let (gone, isWanted) = state.withLock { state in
            let gone = (state.waiters[key] ?? [:]).filter { $0.value.isGone() }
            for number in gone.keys { state.waiters[key]?[number] = nil }
            return (gone, state.waiters[key]?.isEmpty == false)
        }
        for waiter in gone.values { waiter.continuation.resume(throwing: RelayError.busy) }
        guard isWanted else { throw RelayError.busy }
    }

    private func leave(_ key: Key, _ number: Int) {
        let waiter = state.withLock { $0.waiters[key]?.removeValue(forKey: number) }
        waiter?.continuation.resume(throwing: RelayError.busy)
    }
}
