// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Lets an address, and its network, look for few mailboxes, and take few sides, while a pairing takes as many messages as it needs.
final class MailboxVisitors: Sendable {
    /// Nameplates with the claims that hold a side of their mailboxes.
    private let known = Mutex(RecentKeys(seconds: Int64(MailboxLimits.seconds), limit: 20_000))
    private let visits: StrangerBuckets

    /// - Parameter count: visits of an address within ten minutes.
    init(_ count: Int) { visits = StrangerBuckets(count, seconds: Double(MailboxLimits.seconds)) }

    /// Counts a visit of an address, unless the claim holds a side of that mailbox.
    ///
    /// - Throws: `RelayError.tooMany`.
    func admit(_ address: ClientAddress, to nameplate: String, claim: String?) throws {
        if let claim, known.withLock({ $0.contains([nameplate, claim], now: now) }) { return }
        if let wait = visits.take(address) {
            throw RelayError.tooMany("mailboxes looked for from this address or its network", retryAfter: wait)
        }
    }

    /// Notes that a claim holds a side.
    func know(_ claim: String, of nameplate: String) {
        known.withLock { _ = $0.insert([nameplate, claim], now: now) }
    }

    private var now: Int64 { Int64(Date().timeIntervalSince1970) }
}
