// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension SyncError {
    /// `E-SYNC-070`: no device answers at this address.
    package static func noDevice(_ address: String) -> SyncError {
        SyncError(
            .noDevice, "no device answers at \(address)",
            remedy: "On that device: attune sync serve --listen ADDR:PORT. And check the address and the network.")
    }

    /// `E-SYNC-071`: the device at this address is not one of the circle.
    package static func otherPeer(_ address: String) -> SyncError {
        SyncError(
            .otherPeer, "the device at \(address) is not one of this circle",
            remedy: "Check the address; look at the devices: attune devices list")
    }
}
