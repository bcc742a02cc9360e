// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Syncing for as long as the program runs.
extension SyncSession {
    /// Syncs, waits for news from the remote or from `nudges`, and syncs again, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - nudges: says that something was drafted here, or is wanted here.
    ///   - outcome: told after every run.
    /// - Throws: the store's errors, or `CancellationError`.
    package func watch(
        nudges: AsyncStream<Void>, progress: @escaping @Sendable (SyncProgress) -> Void = { _ in },
        outcome: @escaping @Sendable (SyncOutcome) -> Void
    ) async throws {
        let (wakes, inbox) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        inbox.yield()
        let transport = transport
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in nudges { inbox.yield() } }
            group.addTask {
                var known: RemoteCounters?
                var pause = 1.0
                while !Task.isCancelled {
                    do {
                        let counters = try await transport.news(after: known)
                        if known != nil, counters != known { inbox.yield() }
                        known = counters
                        pause = 1
                    } catch {
                        // While the remote is away the next run finds out what it missed.
                        try await Task.sleep(for: .seconds(pause))
                        pause = min(pause * 2, 300)
                        known = nil
                        inbox.yield()
                    }
                }
            }
            defer { group.cancelAll() }
            for await _ in wakes { outcome(try await run(progress: progress)) }
            try Task.checkCancellation()
        }
    }
}
