// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension SyncError {
    /// `E-SYNC-072`: there is nobody to look for.
    package static var nobodyElse: SyncError {
        SyncError(
            .nobodyElse, "there is no other device in this circle yet",
            remedy: "Add one: attune devices add --relay URL, or attune devices add --listen HOST:PORT")
    }

    /// `E-SYNC-072`: mDNS shows no device of the circle.
    package static var nobodyNearby: SyncError {
        SyncError(
            .nobodyElse, "no device of this circle serves on this network",
            remedy: "Run attune sync serve on another one, or name it: attune sync now --direct HOST:PORT")
    }

    /// `E-SYNC-073`: mDNS cannot be used on this machine.
    static func noDiscovery(_ reason: String) -> SyncError {
        SyncError(
            .noDiscovery, "devices on this network are not looked for: \(reason)",
            remedy: "apt install avahi-daemon avahi-utils; or name the device: attune sync now --direct HOST:PORT")
    }
}
