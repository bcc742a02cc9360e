// Attune
// SPDX-License-Identifier: Apache-2.0

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

    package init(
        relay: String? = nil, isPaused: Bool = false, uploadLimit: Int? = nil, downloadLimit: Int? = nil,
        clockOffset: Int64 = 0
    ) {
        self.relay = relay
        self.isPaused = isPaused
        self.uploadLimit = uploadLimit
        self.downloadLimit = downloadLimit
        self.clockOffset = clockOffset
    }
}
