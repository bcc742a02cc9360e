// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneVault
import AttuneWire

extension Workspace {
    /// Has the circle use a relay: brings it there, or what the relay knows of it here.
    ///
    /// - Parameters:
    ///   - text: its address.
    ///   - invite: for a relay that does not know the circle and asks for a token.
    /// - Returns: the address as it is kept.
    /// - Throws: `CircleError` E-DEVICE-001; `KitError` E-DEVICE-009, E-DEVICE-011, E-DEVICE-012; `SyncError` E-SYNC-072
    ///   if this device is alone, of which a relay hears nothing.
    package func useRelay(_ text: String, invite: String?) async throws -> String {
        guard let address = RemoteAddress(text) else { throw KitError.notAnAddress(text) }
        let isAlone = try await BlockingWork.run { [vault] in try DeviceCircle.require(vault).isAlone }
        guard !isAlone else { throw SyncError.nobodyElse }
        return try await RemoteCircle.withClient { client in
            _ = try await RemoteCircle(vault: vault, address: address, client: client).reconcile(invite: invite)
            try await BlockingWork.run { [self] in try updateSyncSettings { $0.relay = address.base } }
            return address.base
        }
    }
}
