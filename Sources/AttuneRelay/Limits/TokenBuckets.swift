// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Synchronization

/// The rations of strangers: few for an address, and ten times as many for its network, whose owner has as many
/// addresses as there are buckets to forget.
struct StrangerBuckets: Sendable {
    private let each: TokenBuckets
    private let together: TokenBuckets

    /// - Parameters:
    ///   - count: requests of an address within `seconds`.
    init(_ count: Int, seconds: Double) {
        each = TokenBuckets(count, seconds: seconds)
        together = TokenBuckets(count.multipliedReportingOverflow(by: 10).partialValue, seconds: seconds)
    }

    /// Takes one; else the seconds after which there is one again.
    func take(_ address: ClientAddress, now: ContinuousClock.Instant = .now) -> Int? {
        if let wait = together.shortage(address.network, now: now) { return wait }
        if let wait = each.take(address.bucket, now: now) { return wait }
        return together.take(address.network, now: now)
    }
}

/// Counts requests by who sends them: each has a bucket that refills evenly.
///
/// Buckets are kept in two generations. One that nobody took from while it refilled is full, so that forgetting it
/// changes nothing; only where more senders come than are remembered does one get back early what it has used.
final class TokenBuckets: Sendable {
    private struct Bucket {
        var tokens: Double
        var time: ContinuousClock.Instant
    }
    private struct State {
        var recent: [String: Bucket] = [:]
        var older: [String: Bucket] = [:]
        var turned = ContinuousClock.now
    }

    private let state = Mutex(State())
    private let capacity: Double
    private let perSecond: Double
    private let seconds: Double
    /// Buckets of one generation.
    static let limit = 20_000

    /// - Parameters:
    ///   - count: requests within `seconds`, all at once if need be.
    init(_ count: Int, seconds: Double) {
        capacity = Double(max(1, count))
        perSecond = capacity / seconds
        self.seconds = seconds
    }

    /// Senders that are remembered.
    var count: Int { state.withLock { $0.recent.count + $0.older.count } }

    /// The seconds after which there is one again; nil if there is one now. Takes none.
    func shortage(_ key: String, now: ContinuousClock.Instant = .now) -> Int? {
        state.withLock { state in
            (state.recent[key] ?? state.older[key]).flatMap { shortage(of: refilled($0, now: now)) }
        }
    }

    /// How many are missing from a full bucket.
    func used(_ key: String, now: ContinuousClock.Instant = .now) -> Double {
        state.withLock { state in
            (state.recent[key] ?? state.older[key]).map { capacity - refilled($0, now: now).tokens } ?? 0
        }
    }

    /// Takes one; else the seconds after which there is one again.
    func take(_ key: String, now: ContinuousClock.Instant = .now) -> Int? {
        state.withLock { state in
            if state.recent.count >= Self.limit || now - state.turned >= .seconds(seconds) {
                state.older = state.recent
                state.recent = [:]
                state.turned = now
            }
            let known = state.recent[key] ?? state.older[key]
            var bucket = refilled(known ?? Bucket(tokens: capacity, time: now), now: now)
            defer { state.recent[key] = bucket }
            if let seconds = shortage(of: bucket) { return seconds }
            bucket.tokens -= 1
            return nil
        }
    }

    private func refilled(_ bucket: Bucket, now: ContinuousClock.Instant) -> Bucket {
        let passed = (now - bucket.time).seconds
        return Bucket(tokens: min(capacity, bucket.tokens + max(0, passed) * perSecond), time: now)
    }

    private func shortage(of bucket: Bucket) -> Int? {
        bucket.tokens >= 1 ? nil : max(1, Int(((1 - bucket.tokens) / perSecond).rounded(.up)))
    }
}
