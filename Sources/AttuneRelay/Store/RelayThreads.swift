// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import NIOPosix

/// Runs work that blocks or computes for milliseconds on threads that serve nothing else.
enum RelayThreads {
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 8)
        pool.start()
        return pool
    }()

    private static let turns = CircleTurns(8, each: 4)

    /// Returns what `work` returns.
    ///
    /// - Parameter circle: whose turn it takes; nil for work of no circle, which is short or seldom.
    /// - Throws: what `work` throws.
    static func run<Value: Sendable>(
        for circle: CircleID? = nil, _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        guard let circle else { return try await threads.runIfActive(work) }
        return try await turns.run(for: circle) { try await threads.runIfActive(work) }
    }
}
