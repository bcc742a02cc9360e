// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Synchronization

/// Streams of changed circles, one for each who asked.
final class ChangeWatchers: Sendable {
    private struct Watcher {
        let stream: AsyncStream<Digest256>.Continuation
        let localOnly: Bool
    }
    private struct State {
        var next = 0
        var watchers: [Int: Watcher] = [:]
    }
    private let state = Mutex(State())

    /// Ends when its reader stops reading.
    ///
    /// - Parameter localOnly: without changes that other nodes have made.
    func stream(localOnly: Bool = false) -> AsyncStream<Digest256> {
        let (stream, continuation) = AsyncStream.makeStream(of: Digest256.self, bufferingPolicy: .bufferingNewest(4096))
        let number = state.withLock { state in
            state.next += 1
            state.watchers[state.next] = Watcher(stream: continuation, localOnly: localOnly)
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: number) }
        }
        return stream
    }

    func tell(_ circle: Digest256, isLocal: Bool = true) {
        let watchers = state.withLock { Array($0.watchers.values) }
        for watcher in watchers where isLocal || !watcher.localOnly { watcher.stream.yield(circle) }
    }
}
