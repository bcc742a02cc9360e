// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Synchronization

/// Rate and time left of a run, from the traffic of its last seconds.
final class SyncMeter: Sendable {
    /// Seconds over which the rate is taken.
    private static let window = 5.0

    private struct Sample {
        let at: ContinuousClock.Instant
        let bytes: Int
    }

    private let start: (sent: Int, received: Int)
    private let samples: Mutex<[Sample]>

    init(start: (sent: Int, received: Int)) {
        self.start = start
        samples = Mutex([Sample(at: .now, bytes: start.sent + start.received)])
    }

    func progress(
        traffic: (sent: Int, received: Int), chunks: (done: Int, total: Int), waiting: Int?,
        now: ContinuousClock.Instant = .now
    ) -> SyncProgress {
        var progress = SyncProgress()
        progress.bytesSent = traffic.sent - start.sent
        progress.bytesReceived = traffic.received - start.received
        progress.chunksDone = chunks.done
        progress.chunksTotal = chunks.total
        progress.waiting = waiting.map { ($0 + 999) / 1000 }
        let bytes = traffic.sent + traffic.received
        let rate = samples.withLock { samples -> Double? in
            if let last = samples.last, now - last.at >= .milliseconds(100) {
                samples.append(Sample(at: now, bytes: bytes))
            }
            while samples.count > 2, now - samples[1].at >= .seconds(Self.window) { samples.removeFirst() }
            guard let first = samples.first, now - first.at > .milliseconds(200) else { return nil }
            return Double(bytes - first.bytes) / (now - first.at).seconds
        }
        guard let rate, rate > 0 else { return progress }
        progress.rate = Int(rate)
        if chunks.total > chunks.done {
            // The last chunks of blobs are shorter, so those that passed tell more than the limit.
            let each = min(Double(WireLimits.chunkBytes), Double(bytes) / Double(max(chunks.done, 1)))
            let left =
                Double(chunks.total - chunks.done) * (chunks.done > 0 ? each : Double(WireLimits.chunkBytes)) / rate
            if left < 1e7 { progress.secondsLeft = Int(left.rounded(.up)) }
        }
        return progress
    }
}
