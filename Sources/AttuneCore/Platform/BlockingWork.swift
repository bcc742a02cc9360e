// Attune
// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// Runs work that blocks or computes on threads that are there for it, never on the cooperative pool.
package enum BlockingWork {
    /// Returns what `work` returns.
    ///
    /// - Throws: what `work` throws.
    package static func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result(catching: work)) }
        }
    }
}
