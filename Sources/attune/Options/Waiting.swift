// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import Foundation
import Synchronization

/// Lets a command, which runs on the main thread, wait for work that awaits.
enum Waiting {
    /// Runs `body` to its end; the first Ctrl-C or SIGTERM cancels it.
    ///
    /// - Throws: what `body` throws; E-GENERAL-002 with exit code 130 or 143 after a signal.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let (outcome, interruption) = wait(body)
        if case .failure = outcome, interruption.requested { throw interruption.error }
        return try outcome.get()
    }

    /// Runs `body`, which goes on until Ctrl-C or SIGTERM: such an end is what was asked for.
    ///
    /// - Throws: what `body` throws before a signal has come.
    static func untilEnded(_ body: @escaping @Sendable () async throws -> Void) throws {
        let (outcome, interruption) = wait(body)
        if !interruption.requested { try outcome.get() }
    }

    private static func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) -> (Result<Value, any Error>, Interruption) {
        let result = Mutex<Result<Value, any Error>>(.failure(CancellationError()))
        let finished = DispatchSemaphore(value: 0)
        let task = Task {
            let outcome: Result<Value, any Error>
            do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            result.withLock { $0 = outcome }
            finished.signal()
        }
        let interruption = Interruption { _ in task.cancel() }
        finished.wait()
        return (result.withLock { $0 }, interruption)
    }

    /// Runs `body`, which blocks, on a thread of its own.
    static func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result(catching: body)) }.start()
        }
    }
}
