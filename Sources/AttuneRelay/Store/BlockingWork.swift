// Attune
// SPDX-License-Identifier: Apache-2.0

import NIOPosix

/// Runs work that blocks or computes for milliseconds on threads that serve nothing else.
enum BlockingWork {
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 8)
        pool.start()
        return pool
    }()

    /// Returns what `work` returns.
    ///
    /// - Throws: what `work` throws.
    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await threads.runIfActive(work)
    }
}
