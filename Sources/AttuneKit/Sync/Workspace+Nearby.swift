// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

/// Devices of the circle on the same network, found by mDNS.
extension Workspace {
    /// Epochs that an announcement is compared with: a device that was off for long is behind.
    private static let comparedEpochs = 8

    /// Hours since 1970.
    private static var hour: UInt64 { UInt64(max(0, Date().timeIntervalSince1970 / 3600)) }

    /// What this device announces now: recognised with the keys of the newest epochs since the last revocation.
    ///
    /// - Returns: also what it depends on; a new mark is due when that changes.
    /// - Throws: `CircleError` E-DEVICE-001.
    package func nearbyMark(_ keys: CircleKeys) throws -> (mark: NearbyMark, validity: [UInt64]) {
        let (circle, keyring) = try keys.current()
        let links = try vault.circle.links(after: 0, limit: Int(WireLimits.links)).map { try Link(parsing: $0) }
        let revoked = links.last(where: \.isRevocation)?.body.epoch ?? 0
        let newest = keyring.keys.values.filter { $0.epoch > revoked }.sorted { $0.epoch > $1.epoch }
        let hour = Self.hour
        return (NearbyMark(keys: newest, hour: hour), [hour, circle.chain.seq])
    }

    /// The addresses of each device nearby that seems to be of this circle, those most likely to answer first.
    ///
    /// - Throws: `SyncError` E-SYNC-072 (nobody), E-SYNC-073 (no avahi).
    func nearbyAddresses(_ keys: CircleKeys) async throws -> [[(host: String, port: Int)]] {
        let found = try await Avahi.browse()
        let recognised = try await BlockingWork.run {
            let newest = try keys.current().keyring.keys.values.sorted { $0.epoch > $1.epoch }
            let compared = Array(newest.prefix(Self.comparedEpochs))
            return found.filter { $0.mark.isRecognised(by: compared, hour: Self.hour) }
        }
        let devices = Dictionary(grouping: recognised, by: \.name).sorted { $0.key < $1.key }
        guard !devices.isEmpty else { throw SyncError.nobodyNearby }
        return devices.map { device in
            // The older protocol first: its addresses are the same for every device of a network.
            device.value.sorted { (isNew($0), $0.address) < (isNew($1), $1.address) }.map { ($0.address, $0.port) }
        }
        func isNew(_ service: NearbyService) -> Int { service.address.contains(":") ? 1 : 0 }
    }

    /// Syncs once with each device of the circle that serves on this network.
    ///
    /// - Returns: at least one report.
    /// - Throws: as `sync(with:progress:)`; `SyncError` E-SYNC-072, E-SYNC-073.
    package func syncNearby(
        progress: @escaping @Sendable (SyncStep) -> Void = { _ in }
    ) async throws -> [SyncReport] {
        let (keys, settings) = try await keysAndSettings()
        guard !settings.isPaused else { throw SyncError.paused }
        let isAlone = try await BlockingWork.run { try keys.current().circle.isAlone }
        guard !isAlone else { throw SyncError.nobodyElse }
        var reports: [SyncReport] = []
        for addresses in try await nearbyAddresses(keys) {
            for (host, port) in addresses {
                do {
                    reports.append(try await sync(keys, settings, .direct(host: host, port: port), progress: progress))
                    break
                } catch let error as SyncError where Self.isNobody(error) {
                    // One address of several, this device itself, or somebody who repeats what another one said.
                }
            }
        }
        guard !reports.isEmpty else { throw SyncError.nobodyNearby }
        return reports
    }
}
