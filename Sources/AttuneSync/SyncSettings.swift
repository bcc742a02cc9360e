// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How this device syncs; kept in the store.
package struct SyncSettings: Hashable, Sendable, Codable {
    /// Address of the relay with its base path, such as `https://relay.example/attune`; nil if none is used.
    package var relay: String?
    /// True from `attune sync pause` until `attune sync resume`.
    package var isPaused: Bool
    /// Most bytes per second that are sent; nil for no limit.
    package var uploadLimit: Int?
    /// Most bytes per second that are received; nil for no limit.
    package var downloadLimit: Int?
    /// What to add to this machine's clock to have the relay's, in milliseconds; the clock itself is never set.
    package var clockOffset: Int64
    /// Set where the relay said last that the circle was deleted there.
    package var deletion: Deletion?
    /// Number of the newest link that the relay is known to have, or without a relay another device; nil if nobody
    /// has shown it yet.
    package var linksTold: UInt64?

    /// The deletion of the circle at a relay.
    package struct Deletion: Hashable, Sendable, Codable {
        /// Unix seconds at which it goes for good; nil if the relay did not say.
        package var until: Int64?

        package init(until: Int64?) { self.until = until }

        /// The day at which it goes, as YYYY-MM-DD.
        package var day: String? {
            until.map { Date(timeIntervalSince1970: Double($0)).formatted(.iso8601.year().month().day()) }
        }
    }

    package init(
        relay: String? = nil, isPaused: Bool = false, uploadLimit: Int? = nil, downloadLimit: Int? = nil,
        clockOffset: Int64 = 0, deletion: Deletion? = nil
    ) {
        self.relay = relay
        self.isPaused = isPaused
        self.uploadLimit = uploadLimit
        self.downloadLimit = downloadLimit
        self.clockOffset = clockOffset
        self.deletion = deletion
    }
}
