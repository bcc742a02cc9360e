// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Syncing for as long as the program runs.
extension SyncSession {
    /// Longest time in milliseconds between two questions whether a remote is back.
    private static let longestAbsence = 60_000

    /// Syncs, waits for news from the remote or from `nudges`, and syncs again, until the task is cancelled.
    ///
    /// A run that was not complete is tried again after a waiting time with chance in it, or as soon as there is news.
    ///
    /// - Parameters:
    ///   - nudges: says that something was drafted here, or is wanted here.
    ///   - outcome: told after every run, with the milliseconds until the next try where one is due; what it throws
    ///     ends the watch.
    /// - Throws: the store's errors, what `outcome` throws, or `CancellationError`.
    package func watch(
        nudges: AsyncStream<Void>, progress: @escaping @Sendable (SyncProgress) -> Void = { _ in },
        outcome: @escaping @Sendable (SyncOutcome, _ retryIn: Int?) async throws -> Void
    ) async throws {
        let (wakes, inbox) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        inbox.yield()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in nudges { inbox.yield() } }
            group.addTask { try await self.awaitNews { inbox.yield() } }
            group.addTask {
                var backOff = SyncBackOff(seed: self.options.seed)
                var retry: Task<Void, any Error>?
                defer { retry?.cancel() }
                for await _ in wakes {
                    retry?.cancel()
                    let result = try await self.run(progress: progress)
                    if result.isComplete {
                        backOff.reset()
                        try await outcome(result, nil)
                    } else {
                        let delay = max(backOff.next(), (result.retryAfter ?? 0) * 1000)
                        try await outcome(result, delay)
                        retry = Task {
                            try await Task.sleep(for: .milliseconds(delay))
                            inbox.yield()
                        }
                    }
                }
                try Task.checkCancellation()
            }
            defer { group.cancelAll() }
            // Not `waitForAll`, which would wait for the others after the first one failed.
            while try await group.next() != nil {}
        }
    }

    /// Calls `wake` whenever the remote has something else than before, and when it cannot be reached any more.
    private func awaitNews(_ wake: @Sendable () -> Void) async throws {
        var known: RemoteCounters?
        var backOff = SyncBackOff(seed: options.seed &+ 1, longest: Self.longestAbsence)
        while true {
            try Task.checkCancellation()
            do {
                let counters = try await transport.news(after: known)
                // The first counts too: what came between the last run and now is in none that are known.
                if counters != known { wake() }
                known = counters
                backOff.reset()
            } catch {
                try Task.checkCancellation()
                // A run says why, but not the first one where a relay that is ending still answers; while it is away its
                // first counts say when it is back.
                if backOff.failures < 3 { wake() }
                known = nil
                try await Task.sleep(for: .milliseconds(backOff.next()))
            }
        }
    }
}
