// Attune
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import GRDB
import Synchronization

/// Runs changes one after the other and commits those that wait together: one flush to disk serves them all.
///
/// Each change has a savepoint of its own: one that throws takes nothing else back.
final class CommitQueue: Sendable {
    private let pool: DatabasePool
    private let queue = DispatchQueue(label: "attune.relay.commits")
    private let waiting = Mutex<[any CommitJob]>([])
    /// Changes in one transaction at most.
    private static let batch = 512

    init(_ pool: DatabasePool) { self.pool = pool }

    /// Returns once the change is on disk.
    ///
    /// - Throws: what `change` throws, or what the commit throws.
    func commit<Value: Sendable>(_ change: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let isFirst = waiting.withLock { jobs in
                jobs.append(Change(run: change, continuation: continuation))
                return jobs.count == 1
            }
            if isFirst { queue.async { self.drain() } }
        }
    }

    private func drain() {
        let jobs = waiting.withLock { jobs in
            let taken = Array(jobs.prefix(Self.batch))
            jobs.removeFirst(taken.count)
            if !jobs.isEmpty { queue.async { self.drain() } }
            return taken
        }
        guard !jobs.isEmpty else { return }
        do {
            try pool.writeWithoutTransaction { database in
                try database.inTransaction(.immediate) {
                    for job in jobs { try job.attempt(in: database) }
                    return .commit
                }
            }
            for job in jobs { job.finish(nil) }
        } catch {
            for job in jobs { job.finish(error) }
        }
    }
}

/// A change that waits, whatever it results in.
private protocol CommitJob: Sendable {
    func attempt(in database: Database) throws
    func finish(_ error: (any Error)?)
}

private final class Change<Value: Sendable>: CommitJob {
    private let run: @Sendable (Database) throws -> Value
    private let continuation: CheckedContinuation<Value, any Error>
    private let result = Mutex<Result<Value, any Error>?>(nil)

    init(run: @escaping @Sendable (Database) throws -> Value, continuation: CheckedContinuation<Value, any Error>) {
        self.run = run
        self.continuation = continuation
    }

    /// - Throws: only where the whole transaction is lost.
    func attempt(in database: Database) throws {
        var outcome: Result<Value, any Error>?
        try database.inSavepoint {
            do {
                outcome = .success(try run(database))
                return .commit
            } catch {
                outcome = .failure(error)
                return .rollback
            }
        }
        result.withLock { $0 = outcome }
    }

    func finish(_ error: (any Error)?) {
        if let error { return continuation.resume(throwing: error) }
        guard let outcome = result.withLock({ $0 }) else {
            return continuation.resume(throwing: CancellationError())
        }
        continuation.resume(with: outcome)
    }
}
