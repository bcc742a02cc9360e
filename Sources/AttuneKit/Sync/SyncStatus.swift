// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneVault
import AttuneWire

/// How this device stands with its circle, without asking anyone.
package struct SyncStatus: Sendable, Encodable {
    package struct Doubt: Sendable, Encodable {
        package let kind: String
        package let device: String
        package let seq: UInt64
        package let remote: String
    }

    package let schema = 1
    package let circle: String
    package let relay: String?
    package let isPaused: Bool
    /// Bytes per second; nil for no limit.
    package let uploadLimit: Int?
    package let downloadLimit: Int?
    package let devices: [DeviceListing]
    /// Changes that were not published yet.
    package let waiting: Int
    /// Chunks that are wanted here and have not arrived.
    package let chunksWanted: Int
    /// Adapters that went on at several devices at once.
    package let conflicts: [String]
    /// Versions of other devices whose tensors no adapter may hold.
    package let refused: [String]
    /// Reasons not to trust what was told about a log.
    package let doubts: [Doubt]
}

extension Workspace {
    /// How this device stands with its circle.
    ///
    /// - Throws: `KitError` E-DEVICE-001.
    package func syncStatus() throws -> SyncStatus {
        let circle = try DeviceCircle.require(vault)
        let store = try VaultSyncStore(vault)
        let settings = try store.settings()
        let devices = try listings(of: circle)
        return SyncStatus(
            circle: circle.circle.description, relay: settings.relay, isPaused: settings.isPaused,
            uploadLimit: settings.uploadLimit, downloadLimit: settings.downloadLimit, devices: devices,
            waiting: try store.draftCount(), chunksWanted: try store.wantedChunks(limit: 16_384).count,
            conflicts: try vault.adaptersWithSeveralHeads(),
            refused: try vault.refusedVersions().map(\.reference.description),
            doubts: try store.evidence().filter { !$0.isSettled }.map { piece in
                SyncStatus.Doubt(
                    kind: piece.kind.rawValue,
                    device: devices.first { $0.id == piece.device.description }?.name ?? piece.device.fingerprint,
                    seq: piece.seq, remote: piece.remote)
            })
    }
}
