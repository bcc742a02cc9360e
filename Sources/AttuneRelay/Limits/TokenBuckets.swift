// Attune
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts requests by who sends them: each has a bucket that refills evenly.
final class TokenBuckets: Sendable {
    private struct Bucket {
        var tokens: Double
        var time: ContinuousClock.Instant
    }

    private let buckets = Mutex<[String: Bucket]>([:])
    private let capacity: Double
    private let perSecond: Double
    /// Buckets kept at most; full ones go first, as they say nothing.
    private static let limit = 100_000

    /// - Parameters:
    ///   - count: requests within `seconds`, all at once if need be.
    init(_ count: Int, seconds: Double) {
        capacity = Double(max(1, count))
        perSecond = capacity / seconds
    }

    /// The seconds after which there is one again; nil where there is one now. Takes none.
    func shortage(_ key: String, now: ContinuousClock.Instant = .now) -> Int? {
        buckets.withLock { buckets in buckets[key].flatMap { shortage(of: refilled($0, now: now)) } }
    }

    /// Takes one; else the seconds after which there is one again.
    func take(_ key: String, now: ContinuousClock.Instant = .now) -> Int? {
        buckets.withLock { buckets in
            if buckets.count >= Self.limit { forgetFull(&buckets, now: now) }
            var bucket = refilled(buckets[key] ?? Bucket(tokens: capacity, time: now), now: now)
            defer { buckets[key] = bucket }
            if let seconds = shortage(of: bucket) { return seconds }
            bucket.tokens -= 1
            return nil
        }
    }

    private func refilled(_ bucket: Bucket, now: ContinuousClock.Instant) -> Bucket {
        let passed = (now - bucket.time) / .seconds(1)
        return Bucket(tokens: min(capacity, bucket.tokens + max(0, passed) * perSecond), time: now)
    }

    private func shortage(of bucket: Bucket) -> Int? {
        bucket.tokens >= 1 ? nil : max(1, Int(((1 - bucket.tokens) / perSecond).rounded(.up)))
    }

    private func forgetFull(_ buckets: inout [String: Bucket], now: ContinuousClock.Instant) {
        buckets = buckets.filter { $0.value.tokens + ((now - $0.value.time) / .seconds(1)) * perSecond < capacity }
        if buckets.count >= Self.limit { buckets.removeAll() }
    }
}
