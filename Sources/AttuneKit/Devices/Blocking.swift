// Attune
// SPDX-License-Identifier: Apache-2.0

import NIOPosix

/// Runs work that blocks or computes on threads that are there for it, never on the cooperative pool.
enum Blocking {
    /// Returns what `work` returns.
    ///
    /// - Throws: what `work` throws.
    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(work)
    }
}
