// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire

extension Workspace {
    /// Begins a circle of this device alone, unless the store is in one.
    ///
    /// - Parameter paper: the recovery words as a device of the circle; nil if nobody has them at hand.
    @discardableResult
    package func beginCircle(named name: String, paper: DeviceKeys?) throws -> DeviceCircle {
        if let present = try DeviceCircle.open(vault) { return present }
        let keys = try DeviceKeys.generate()
        let link = try LinkWriter.genesis(keys: keys, name: name, paper: paper?.publicKeys).link
        try enter(circle: link.circle, keys: keys, links: [link])
        if let paper { try vault.circle.setRecoveryDevice(paper.deviceID, new: nil) }
        return try DeviceCircle.require(vault)
    }

    /// As `beginCircle`, for work that awaits.
    package func prepareCircle(ownName: String) async throws {
        _ = try await BlockingWork.run { [self] in try beginCircle(named: ownName, paper: nil) }
    }

    /// - Parameter leavesPresent: whether the store leaves the circle that it is in, in the same step.
    func enter(circle: CircleID, keys: DeviceKeys, links: [Link], leavesPresent: Bool = false) throws {
        try vault.circle.enter(
            circle, device: keys.publicKeys.id, sealedKeys: keys.sealed(under: vault.vaultKey()),
            links: links.map { ($0.hash, $0.bytes) }, leavesPresent: leavesPresent)
    }

    /// A link that adds a device, and the epoch whose key the device gets.
    static func withNewEpoch(_ add: Link, circle: DeviceCircle, keyring: EpochKeyring) throws -> [Link] {
        var chain = circle.chain
        try chain.append(add)
        return [add, try LinkWriter(chain: chain, keys: circle.keys).epoch(keyring: keyring).link]
    }

    /// Passes if nothing is known of this device having been shut out; first asks the relay, if one answers.
    ///
    /// - Throws: `CircleError` E-DEVICE-001, E-DEVICE-010.
    package func requireMembership() async throws {
        let relay = try await BlockingWork.run { [self] in
            try DeviceCircle.require(vault).requireMembership()
            return try syncSettings().relay
        }
        guard let address = relay.flatMap({ RemoteAddress($0) }) else { return }
        try await RemoteCircle.withClient { client in
            _ = try await known(to: RemoteCircle(vault: vault, address: address, client: client), isUrgent: true)
        }
    }

    /// Whether the recovery words or a second device have to agree to a revocation.
    package func needsConfirmation(toRevoke devices: [DeviceListing]) throws -> Bool {
        let circle = try DeviceCircle.require(vault)
        return circle.chain.needsSecondSignature(revoking: devices.map(\.id), by: circle.device)
    }

    /// Shuts devices out: nothing that is published from now on reaches them.
    ///
    /// What they published so far is fetched first, since only what is here counts from now on.
    ///
    /// - Parameters:
    ///   - confirmation: who else agrees, where `needsConfirmation` says so.
    ///   - cutOff: up to where what they published counts.
    /// - Returns: what kept something that the relay has from being fetched before, if anything did, and whether the
    ///   relay knows of the revocation already; else the next sync tells it.
    /// - Throws: `KitError` E-DEVICE-003, E-DEVICE-005, E-DEVICE-007, E-DEVICE-008, E-DEVICE-010, E-DEVICE-014.
    @discardableResult
    package func revoke(
        _ devices: [DeviceListing], confirmation: SecondConfirmation?, countingUpTo cutOff: DeviceCutOff = .newest
    ) async throws -> (obstacle: (any AttuneError)?, isPublished: Bool) {
        let ids = devices.map(\.id)
        let obstacle = try await fetchEntries()
        let isPublished = try await changeCircle(isUrgent: true) { [self] circle in
            guard !ids.contains(circle.device) else { throw KitError.revokesItself }
            // Another device may have done it meanwhile.
            if let gone = devices.first(where: { circle.chain.devices[$0.id]?.isActive != true }) {
                throw KitError.isShutOut(gone)
            }
            let last = try devices.map { ($0.id, try lastEntry(of: $0, by: cutOff)) }
            var second: (device: DeviceID, signature: [UInt8])?
            if circle.chain.needsSecondSignature(revoking: ids, by: circle.device) {
                guard let confirmation else {
                    throw circle.chain.paper == nil ? KitError.noRecoveryWords : KitError.otherRecoveryWords
                }
                second = try SharedAct.revocation(of: ids).signature(confirmation, in: circle)
            }
            let positions = Dictionary(last, uniquingKeysWith: { first, _ in first })
            return [try circle.writer().revoke(positions, second: second, keyring: circle.keyring()).link]
        }
        return (obstacle, isPublished)
    }

    /// Takes the entries that the circle's relay has, and nothing else.
    ///
    /// - Returns: why not all of them may be here; nil if they are.
    private func fetchEntries() async throws -> (any AttuneError)? {
        let (keys, settings) = try await keysAndSettings()
        guard settings.relay != nil else { return SyncError.noRelay }
        let problems = try await connect(
            to: .relay(nil), keys, settings, attempts: 2, takesEntriesOnly: true
        ) { connection in
            try await connection.session.run().problems
        }
        // Keys that do not open keep this device from publishing, and from nothing that others published.
        return problems.first { $0.kind != .keyIsRefused }
    }

    /// Makes links on the newest state of the circle, publishes them where a relay is set and can be reached, and
    /// keeps them.
    ///
    /// - Parameter isUrgent: whether they are made and kept here too where the relay has another history of the circle
    ///   or does not take them: who is shut out is not for a relay to say.
    /// - Returns: whether the relay has them.
    @discardableResult
    func changeCircle(
        isUrgent: Bool = false, _ make: @escaping @Sendable (DeviceCircle) throws -> [Link]
    ) async throws -> Bool {
        let relay = try await BlockingWork.run { [self] in try syncSettings().relay }
        guard let relay, let address = RemoteAddress(relay) else {
            try await BlockingWork.run { [self] in
                let circle = try DeviceCircle.require(vault)
                try keep(try make(circle), of: circle, isTold: circle.isAlone)
            }
            return false
        }
        return try await RemoteCircle.withClient { client in
            let remote = RemoteCircle(vault: vault, address: address, client: client)
            for attempt in 1...3 {
                let known = try await self.known(to: remote, isUrgent: isUrgent)
                let circle =
                    if let known { known } else {
                        try await BlockingWork.run { [vault] in try DeviceCircle.require(vault) }
                    }
                let links = try await BlockingWork.run { try make(circle) }
                let isTaken =
                    known == nil ? nil : try await push(links, of: circle, to: remote, isUrgent: isUrgent)
                // Somebody else has changed the circle meanwhile: made anew, but that shutting out happens at last.
                if isTaken == false, !isUrgent || attempt < 3 { continue }
                try await BlockingWork.run { [self] in try keep(links, of: circle, isTold: isTaken == true) }
                return isTaken == true
            }
            throw KitError.circleMoved
        }
    }

    /// Keeps links that follow on the circle's newest, and that nobody else knows them where nobody does.
    private func keep(_ links: [Link], of circle: DeviceCircle, isTold: Bool) throws {
        try CircleKeys(vault).keep(links, after: circle.chain)
        guard !isTold else { return }
        try updateSyncSettings { $0.linksTold = $0.linksTold ?? circle.chain.seq }
    }

    /// The circle as this device and the relay have it; nil if the relay is away, or if it is urgent and the relay's own
    /// history is in the way: shutting a device out must not wait for a relay.
    private func known(to remote: RemoteCircle, isUrgent: Bool) async throws -> DeviceCircle? {
        do {
            return try await remote.reconcile()
        } catch let error as any AttuneError
            where (error as? KitError)?.kind == .remote || isUrgent && Self.isOfLinks(error)
        {
            return nil
        }
    }

    /// Whether the relay took links; nil if it is away and they are urgent.
    private func push(
        _ links: [Link], of circle: DeviceCircle, to remote: RemoteCircle, isUrgent: Bool
    ) async throws -> Bool? {
        do {
            return try await remote.push(links, of: circle)
        } catch let error as KitError where isUrgent && error.kind == .remote {
            return nil
        }
    }

    /// Whether the relay showed links that do not hold, or another history.
    private static func isOfLinks(_ error: any AttuneError) -> Bool {
        error is WireError || (error as? KitError)?.kind == .linksDiffer
    }

    /// How this device syncs.
    package func syncSettings() throws -> SyncSettings {
        guard try vault.circle.identity() != nil else { return SyncSettings() }
        return try VaultSyncStore(vault).settings()
    }

    /// Changes how this device syncs.
    package func updateSyncSettings(_ change: (inout SyncSettings) -> Void) throws {
        let store = try VaultSyncStore(vault)
        var settings = try store.settings()
        change(&settings)
        try store.update(settings)
    }
}
