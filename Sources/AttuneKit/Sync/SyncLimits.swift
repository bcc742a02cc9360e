// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneSync
import AttuneVault

/// How fast sync may send and receive, and how large what it fetches by itself may be.
package struct SyncLimits: Sendable, Encodable {
    package let schema = 1
    /// Bytes per second; nil for no limit.
    package let up: Int?
    package let down: Int?
    /// Bytes of a version.
    package let largest: Int
}

extension Workspace {
    /// The relay that the circle uses; nil if there is none.
    package func relay() throws -> String? { try syncSettings().relay }

    /// Has sync send and receive nothing, or go on.
    ///
    /// - Throws: `VaultError` E-VAULT-051 if the store is in no circle.
    package func pauseSync(_ isPaused: Bool) throws { try updateSyncSettings { $0.isPaused = isPaused } }

    /// The limits of sync.
    package func syncLimits() throws -> SyncLimits {
        let settings = try syncSettings()
        return SyncLimits(
            up: settings.uploadLimit, down: settings.downloadLimit, largest: try vault.pins.largestFetched())
    }

    /// Changes limits of sync.
    ///
    /// - Parameters:
    ///   - up: bytes per second to send, 0 for no limit; nil leaves it.
    ///   - down: as `up`, to receive.
    ///   - largest: bytes of a version, 0 for what memory allows; nil leaves it.
    /// - Throws: `VaultError` E-VAULT-051 if the store is in no circle.
    package func limitSync(up: Int?, down: Int?, largest: Int?) throws {
        if let largest { try vault.pins.setLargestFetched(largest > 0 ? largest : nil) }
        guard up != nil || down != nil else { return }
        try updateSyncSettings { settings in
            if let up { settings.uploadLimit = up > 0 ? up : nil }
            if let down { settings.downloadLimit = down > 0 ? down : nil }
        }
    }
}
