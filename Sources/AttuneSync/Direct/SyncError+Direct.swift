// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension SyncError {
    /// `E-SYNC-071`: the device at this address is not one of the circle.
    package static func otherPeer(_ address: String) -> SyncError {
        SyncError(
            code: "E-SYNC-071", message: "the device at \(address) is not one of this circle",
            remedy: "Check the address; look at the devices: attune devices list", exitStatus: .wrongKey)
    }
}
