// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Lets an address, and its network, look for few mailboxes, and take few sides; who holds a side comes more often, as much
/// as a dozen pairings at once need.
final class MailboxVisitors: Sendable {
    /// Nameplates with the claims that hold a side of their mailboxes.
    private let known = Mutex(RecentKeys(seconds: Int64(MailboxLimits.seconds), limit: 20_000))
    private let visits: StrangerBuckets
    /// Requests of those who hold a side.
    private let requests: StrangerBuckets

    /// - Parameter count: visits of an address within ten minutes; of requests at sides that it holds it has six times as
    ///   many within one.
    init(_ count: Int) {
        visits = StrangerBuckets(count, seconds: Double(MailboxLimits.seconds))
        requests = StrangerBuckets(count.multipliedReportingOverflow(by: 6).partialValue, seconds: 60)
    }

    /// Counts a visit of an address, or its request at a mailbox a side of which the claim holds.
    ///
    /// - Throws: `RelayError.tooMany`.
    func admit(_ address: ClientAddress, to nameplate: String, claim: String?) throws {
        if let claim, known.withLock({ $0.contains([nameplate, claim], now: now) }) {
            if let wait = requests.take(address) {
                throw RelayError.tooMany("requests at mailboxes from this address or its network", retryAfter: wait)
            }
            return
        }
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
