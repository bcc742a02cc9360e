// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Synchronization

/// Streams of changed circles, one for each who asked.
final class Changes: Sendable {
    private let streams = Mutex<[Int: AsyncStream<Digest256>.Continuation]>([:])
    private let numbers = Atomic<Int>(0)

    /// Ends when its reader stops reading.
    func stream() -> AsyncStream<Digest256> {
        let (stream, continuation) = AsyncStream.makeStream(of: Digest256.self, bufferingPolicy: .bufferingNewest(16))
        let number = numbers.add(1, ordering: .relaxed).newValue
        streams.withLock { $0[number] = continuation }
        continuation.onTermination = { [weak self] _ in
            self?.streams.withLock { _ = $0.removeValue(forKey: number) }
        }
        return stream
    }

    func tell(_ circle: Digest256) {
        let all = streams.withLock { Array($0.values) }
        for stream in all { stream.yield(circle) }
    }
}
