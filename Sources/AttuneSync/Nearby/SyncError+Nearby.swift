// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension SyncError {
    /// `E-SYNC-072`: there is nobody to look for.
    package static let nobodyElse = SyncError(
        code: "E-SYNC-072", message: "there is no other device in this circle yet",
        remedy: "Add one: attune devices add --relay URL, or attune devices add --listen HOST:PORT",
        exitStatus: .network)

    /// `E-SYNC-072`: mDNS shows no device of the circle.
    package static let nobodyNearby = SyncError(
        code: "E-SYNC-072", message: "no device of this circle serves on this network",
        remedy: "Run attune sync serve on another one, or name it: attune sync now --direct HOST:PORT",
        exitStatus: .network)

    /// `E-SYNC-073`: mDNS cannot be used on this machine.
    static func noDiscovery(_ reason: String) -> SyncError {
        SyncError(
            code: "E-SYNC-073", message: "devices on this network are not looked for: \(reason)",
            remedy: "apt install avahi-daemon avahi-utils; or name the device: attune sync now --direct HOST:PORT",
            exitStatus: .network)
    }
}
