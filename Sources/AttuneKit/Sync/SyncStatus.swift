// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneVault
import AttuneWire

/// How this device stands with its circle, without asking anyone.
package struct SyncStatus: Sendable, Encodable {
    package struct Doubt: Sendable, Encodable, Equatable {
        package let kind: String
        /// The device that said it; nil for a remote's own word.
        package let author: Party?
        /// The device whose log it is about.
        package let subject: Party
        package let seq: UInt64
        /// The relay's address, or `device ` and what it is called here.
        package let remote: String
        /// Whether no name moves by itself until it is settled.
        package let stopsNames: Bool
        /// What it is, in one sentence.
        package let sentence: String
    }

    /// A device in a doubt.
    package struct Party: Sendable, Encodable, Equatable {
        package let name: String
        package let fingerprint: String
    }

    package let schema = 1
    package let circle: String
    package let relay: String?
    /// Set where the relay said last that the circle was deleted there: when it goes for good.
    package let deletion: SyncSettings.Deletion?
    /// When it goes for good, in words; nil if it was not deleted.
    package var deletionEnd: String? { deletion.map { $0.day.map { "on \($0)" } ?? "later" } }
    package let isPaused: Bool
    /// Bytes per second; nil for no limit.
    package let uploadLimit: Int?
    package let downloadLimit: Int?
    package let devices: [DeviceListing]
    /// Changes that were not published yet, those of the circle itself among them.
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
    /// - Throws: `CircleError` E-DEVICE-001.
    package func syncStatus() throws -> SyncStatus {
        let circle = try DeviceCircle.require(vault)
        let store = try VaultSyncStore(vault)
        let settings = try store.settings()
        let devices = try listings(of: circle)
        return SyncStatus(
            circle: circle.circle.description, relay: settings.relay, deletion: settings.deletion,
            isPaused: settings.isPaused,
            uploadLimit: settings.uploadLimit, downloadLimit: settings.downloadLimit, devices: devices,
            waiting: try store.draftCount() + linksWaiting(circle, settings),
            chunksWanted: try store.wantedChunks(limit: 16_384).count,
            conflicts: try vault.adapters.withSeveralHeads(),
            refused: try vault.blobs.refusedVersions().map(\.reference.description),
            doubts: try doubts(store, devices).map(\.doubt))
    }

    /// Changes of the circle that its relay does not know yet, or without a relay no other device.
    private func linksWaiting(_ circle: DeviceCircle, _ settings: SyncSettings) -> Int {
        guard let told = settings.linksTold, settings.relay != nil || !circle.isAlone else { return 0 }
        return Int(clamping: circle.chain.seq) - Int(clamping: min(told, circle.chain.seq))
    }

    /// What is open, the oldest first, with the names of the devices.
    func doubts(
        _ store: VaultSyncStore, _ devices: [DeviceListing]
    ) throws -> [(suspicion: Suspicion, doubt: SyncStatus.Doubt)] {
        func party(_ device: DeviceID) -> SyncStatus.Party {
            let known = devices.first { $0.id == device }
            return SyncStatus.Party(
                name: known?.name ?? device.fingerprint, fingerprint: known?.fingerprint ?? device.fingerprint)
        }
        func remote(_ name: String) -> String {
            guard name.hasPrefix("device "), let peer = DeviceID(hex: String(name.dropFirst(7))) else { return name }
            return Self.remoteName(peer, devices)
        }
        return try store.evidence().filter { !$0.isSettled }.map { piece in
            let suspicion = piece.suspicion
            return (
                suspicion,
                SyncStatus.Doubt(
                    kind: suspicion.kind.rawValue, author: suspicion.author.map(party),
                    subject: party(suspicion.subject), seq: suspicion.seq, remote: remote(piece.remote),
                    stopsNames: suspicion.kind.stopsNames,
                    sentence: suspicion.sentence { "\(party($0).name) (\(party($0).fingerprint))" })
            )
        }
    }
}
