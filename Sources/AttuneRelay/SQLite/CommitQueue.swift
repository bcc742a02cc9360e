// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Dispatch
import GRDB
import Synchronization

/// Runs changes one after the other and commits those that wait together: one flush to disk serves them all.
///
/// Circles take turns: one with many changes holds up another one for no longer than one of them. Each change has a
/// savepoint of its own: one that throws takes nothing else back.
final class CommitQueue: Sendable {
    private struct Waiting {
        var jobs: [CircleID?: [any CommitJob]] = [:]
        /// Whose turn is next; each circle with jobs stands here once.
        var turns: [CircleID?] = []
        var isDraining = false

        /// The first job of the circle whose turn it is; its circle goes to the end.
        mutating func next() -> (any CommitJob)? {
            guard !turns.isEmpty else { return nil }
            let circle = turns.removeFirst()
            let job = jobs[circle]?.removeFirst()
            if jobs[circle]?.isEmpty == false { turns.append(circle) } else { jobs[circle] = nil }
            return job
        }
    }
    private let pool: DatabasePool
    private let queue = DispatchQueue(label: "attune.relay.commits")
    private let waiting = Mutex(Waiting())
    /// Changes in one transaction at most, and how long it may take to run them: whoever comes then waits no longer.
    private static let batch = 512
    private static let duration = Duration.milliseconds(10)

    init(_ pool: DatabasePool) { self.pool = pool }

    /// Returns once the change is on disk.
    ///
    /// - Parameter circle: whose turn it is; nil for changes of no circle.
    /// - Throws: what `change` throws, or what the commit throws.
    func commit<Value: Sendable>(
        for circle: CircleID?, _ change: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let begins = waiting.withLock { waiting in
                if waiting.jobs[circle] == nil { waiting.turns.append(circle) }
                waiting.jobs[circle, default: []].append(Change(run: change, continuation: continuation))
                defer { waiting.isDraining = true }
                return !waiting.isDraining
            }
            if begins { queue.async { self.drain() } }
        }
    }

    private func drain() {
        var done: [any CommitJob] = []
        do {
            try pool.writeWithoutTransaction { database in
                try database.inTransaction(.immediate) {
                    let start = ContinuousClock.now
                    while done.count < Self.batch, ContinuousClock.now - start < Self.duration,
                        let job = waiting.withLock({ $0.next() })
                    {
                        done.append(job)
                        try job.attempt(in: database)
                    }
                    return .commit
                }
            }
            for job in done { job.finish(nil) }
        } catch {
            // Where the database cannot even begin, those who wait learn of it.
            if done.isEmpty, let job = waiting.withLock({ $0.next() }) { done.append(job) }
            for job in done { job.finish(error) }
        }
        let goesOn = waiting.withLock { waiting in
            waiting.isDraining = !waiting.turns.isEmpty
            return waiting.isDraining
        }
        if goesOn { queue.async { self.drain() } }
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
