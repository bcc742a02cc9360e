// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

extension Workspace {
    /// Has the relay delete the circle with all that it keeps for it; what is on the devices stays.
    ///
    /// - Returns: when it goes for good; nil if the relay does not say.
    /// - Throws: `CircleError` E-DEVICE-001; `KitError` E-DEVICE-007, E-DEVICE-008, E-DEVICE-011, E-DEVICE-014;
    ///   `SyncError` E-SYNC-014.
    package func deleteCircleAtRelay(_ confirmation: SecondConfirmation) async throws -> Date? {
        try await withRelay { relay in
            // What is signed is the newest state of the circle.
            let circle = try await relay.reconcile()
            let until = try await relay.delete(try SharedAct.deletion.signature(confirmation, in: circle), circle)
            try await BlockingWork.run { [self] in
                try updateSyncSettings { $0.deletion = SyncSettings.Deletion(until: until) }
            }
            return until.map { Date(timeIntervalSince1970: Double($0)) }
        }
    }

    /// Brings the circle back to the relay, if it was deleted there not too long ago.
    ///
    /// - Throws: `CircleError` E-DEVICE-001; `KitError` E-DEVICE-011; `SyncError` E-SYNC-014.
    package func undeleteCircleAtRelay() async throws {
        try await withRelay { relay in
            try await relay.undelete(try await BlockingWork.run { [vault] in try DeviceCircle.require(vault) })
            try await BlockingWork.run { [self] in try updateSyncSettings { $0.deletion = nil } }
        }
    }

    private func withRelay<Value: Sendable>(_ body: (RemoteCircle) async throws -> Value) async throws -> Value {
        let relay = try await BlockingWork.run { [self] in try syncSettings().relay }
        guard let address = relay.flatMap({ RemoteAddress($0) }) else { throw SyncError.noRelay }
        return try await RemoteCircle.withClient { client in
            try await body(RemoteCircle(vault: vault, address: address, client: client))
        }
    }
}

extension KitError {
    /// `E-DEVICE-014`: a second device agreed to the deletion of something else.
    static var otherDeletion: KitError {
        KitError(
            .otherDeletion,
            "the confirmation is for another circle or an earlier state of it, or not from another device that is in it",
            remedy:
                "Sync both devices, then make it anew on the second device: attune sync delete --write-confirmation FILE"
        )
    }
}
