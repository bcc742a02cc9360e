// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneVault

extension Workspace {
    /// Failures of a request after which a run of the watch gives up: a broken connection is tried once more at once.
    private static let attemptsWhileWatching = 2
    /// Longest time in milliseconds between two tries to connect.
    private static let longestAbsence = 60_000

    /// Syncs now, on news of the remote and on changes of the store, until the task is cancelled.
    ///
    /// What other processes do meanwhile counts: a pause, a limit, another relay, a new version.
    ///
    /// - Parameter event: told of what happens, from any thread.
    /// - Throws: `CircleError` E-DEVICE-001, `SyncError` E-SYNC-004, E-SYNC-014, E-SYNC-015, E-SYNC-071,
    ///   `CancellationError`; the store's errors, but for those that pass by themselves.
    package func watchSync(
        with remote: SyncRemote, progress: @escaping @Sendable (SyncStep) -> Void = { _ in },
        event: @escaping @Sendable (SyncWatchEvent) -> Void
    ) async throws {
        let keys = try await BlockingWork.run { [vault] in
            defer { vault.yieldLock() }
            return try CircleKeys(vault)
        }
        var backOff = SyncBackOff(seed: .random(in: .min ... .max), longest: Self.longestAbsence)
        while true {
            try Task.checkCancellation()
            let changes = vault.changes()
            let state = try await BlockingWork.run { [vault] in try LocalState(vault) }
            if state.settings.isPaused {
                event(.paused)
                try await untilSettingsChange(from: state, changes) {}
                continue
            }
            let began = ContinuousClock.now
            do {
                try await watch(remote, keys, state, changes, progress: progress, event: event)
            } catch let error as any AttuneError where Self.passes(error) {
                try Task.checkCancellation()
                if .now - began > .milliseconds(Self.longestAbsence) { backOff.reset() }
                let delay = backOff.next()
                event(.waiting(error, seconds: (delay + 999) / 1000))
                try await Task.sleep(for: .milliseconds(delay))
            }
        }
    }

    /// Watches with the settings as they are now; returns when they changed.
    private func watch(
        _ remote: SyncRemote, _ keys: CircleKeys, _ state: LocalState, _ changes: AsyncStream<Void>,
        progress: @escaping @Sendable (SyncStep) -> Void, event: @escaping @Sendable (SyncWatchEvent) -> Void
    ) async throws {
        try await connect(to: remote, keys, state.settings, attempts: Self.attemptsWhileWatching) { connection in
            event(.started(remote: connection.transport.remote, name: connection.transport.remoteName))
            let (nudges, nudge) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.untilSettingsChange(from: state, changes) { nudge.yield() } }
                group.addTask {
                    try await connection.session.watch(nudges: nudges, progress: { progress(SyncStep($0)) }) {
                        outcome, retryIn in
                        if let end = outcome.problems.first(where: Self.endsWatching) { throw end }
                        let found =
                            outcome.chunksTaken == 0
                            ? Inspection() : try await BlockingWork.run { try self.inspectArrivals() }
                        // A name went back to an earlier version, whose bytes may not be here.
                        if !found.refused.isEmpty { nudge.yield() }
                        let report = try await self.report(
                            [outcome], found, of: connection, isLogged: outcome.movedAnything)
                        if report.isComplete || report.movedAnything { event(.synced(report)) }
                        if let problem = report.failure, let retryIn {
                            event(.waiting(problem, seconds: (retryIn + 999) / 1000))
                        }
                    }
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    /// Calls `nudge` when there is something to publish or to fetch; returns when the settings are others.
    private func untilSettingsChange(
        from state: LocalState, _ changes: AsyncStream<Void>, nudge: @Sendable () -> Void
    ) async throws {
        var known = state
        for await _ in changes {
            // A change is seldom alone.
            try await Task.sleep(for: .milliseconds(200))
            let state = try await BlockingWork.run { [vault] in try LocalState(vault) }
            if state.settings != known.settings { return }
            if state.asksMore(than: known) { nudge() }
            known = state
        }
        try Task.checkCancellation()
    }

    /// Whether this device has nothing more to wait for in its circle.
    private static func endsWatching(_ problem: SyncError) -> Bool {
        [.revoked, .additionLost].contains(problem.kind)
    }

    /// Whether an error goes away by itself: the network, another process, a full disk.
    private static func passes(_ error: any AttuneError) -> Bool {
        // Another process that syncs may have published the same draft.
        error.isPassing || (error as? VaultError)?.kind == .notNext
    }
}
