// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Synchronization

/// Keys that came up lately, as 64-bit fingerprints under a secret of the process: 16 bytes each, whatever they were.
struct RecentKeys {
    private var recent: Set<Int> = []
    private var older: Set<Int> = []
    private var turned: Int64 = 0
    private let seconds: Int64
    private let limit: Int

    /// - Parameters:
    ///   - seconds: for which a key is remembered at least, and twice that at most.
    ///   - limit: keys of one of two generations; beyond, the older generation goes early.
    init(seconds: Int64, limit: Int) {
        self.seconds = seconds
        self.limit = limit
    }

    /// True the first time.
    mutating func insert(_ key: some Hashable, now: Int64) -> Bool {
        turn(now)
        let print = key.hashValue
        guard !older.contains(print) else { return false }
        return recent.insert(print).inserted
    }

    mutating func contains(_ key: some Hashable, now: Int64) -> Bool {
        turn(now)
        return recent.contains(key.hashValue) || older.contains(key.hashValue)
    }

    private mutating func turn(_ now: Int64) {
        guard now - turned >= seconds || recent.count >= limit else { return }
        older = now - turned >= 2 * seconds ? [] : recent
        recent = []
        turned = now
    }
}

/// Remembers nonces of signed requests, so that a request that was recorded is not taken again.
///
/// What is forgotten at a restart does no harm: every change is idempotent.
final class ReplayMemory: Sendable {
    private struct Use: Hashable {
        let device: DeviceID
        let nonce: [UInt8]
    }
    private let keys: Mutex<RecentKeys>
    /// Nonces of one of two generations: 16 MiB in all.
    static let limit = 500_000

    init(seconds: Int64) { keys = Mutex(RecentKeys(seconds: seconds, limit: Self.limit)) }

    /// True the first time that the device uses the nonce.
    func remember(_ nonce: [UInt8], of device: DeviceID, now: Int64) -> Bool {
        keys.withLock { $0.insert(Use(device: device, nonce: nonce), now: now) }
    }
}
