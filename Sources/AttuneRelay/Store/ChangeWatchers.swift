// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Synchronization

/// Streams of changed circles, one for each who asked.
final class ChangeWatchers: Sendable {
    private struct State {
        var next = 0
        var streams: [Int: AsyncStream<Digest256>.Continuation] = [:]
    }
    private let state = Mutex(State())

    /// Ends when its reader stops reading.
    func stream() -> AsyncStream<Digest256> {
        let (stream, continuation) = AsyncStream.makeStream(of: Digest256.self, bufferingPolicy: .bufferingNewest(4096))
        let number = state.withLock { state in
            state.next += 1
            state.streams[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.streams.removeValue(forKey: number) }
        }
        return stream
    }

    func tell(_ circle: Digest256) {
        let streams = state.withLock { Array($0.streams.values) }
        for stream in streams { stream.yield(circle) }
    }
}
