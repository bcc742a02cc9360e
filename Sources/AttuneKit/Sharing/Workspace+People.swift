// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

extension Workspace {
    /// What a person has to read before the first share.
    package static let sharingNotice = """
        Your texts stay on this device. The adapter is learned from them, so someone who has the adapter and the base \
        model may be able to tell whether a given text was used, and sometimes recover parts of it. Share it only with \
        people you would show the texts to.
        """
    private static let noticeKey = "share.notice"

    /// Whether nobody has shared an adapter from this store yet.
    package func isFirstShare() throws -> Bool { try vault.settings.value(of: Self.noticeKey) == nil }

    /// The card of this store's circle, for others.
    ///
    /// - Throws: `VaultError` E-VAULT-051; `CircleError` E-DEVICE-010, since nothing sent to such a card would open here.
    package func ownCard() throws -> PersonCard {
        let links = try SharingIdentity(vault).links
        try DeviceCircle.require(vault).requireMembership()
        return try PersonCard(links: links)
    }

    /// Keeps a person's card under a name; a newer card of the same circle takes the place of the older.
    ///
    /// - Throws: `KitError` E-SHARE-001, E-SHARE-007; `WireError` for links that do not hold; `VaultError` E-VAULT-021.
    package func addPerson(card: PersonCard, name: String) throws -> PersonRecord {
        guard try SharingIdentity(vault).chain.circle != card.chain.circle else { throw KitError.ownCard }
        if let known = try vault.people.all().first(where: { $0.circle == card.chain.circle }) {
            // Neither an older card nor one that leaves the known links may bring back a device that was revoked.
            guard try card.follows(PersonCard(encodedLinks: known.links)) else { return known }
        }
        return try vault.people.put(card.chain.circle, name: name, links: card.encodedLinks)
    }

    /// The number that both people see if nobody stands between them.
    ///
    /// - Returns: 60 digits in groups of five.
    /// - Throws: `VaultError` E-VAULT-051, E-VAULT-054.
    package func safetyNumber(with name: String) throws -> String {
        SafetyNumber(try SharingIdentity(vault).chain.circle, try vault.people.fetch(named: name).circle).description
    }

    /// Notes that both people saw this number.
    ///
    /// - Throws: `KitError` E-SHARE-006 for another number.
    package func confirm(person name: String, number: String) throws {
        let digits = number.filter(\.isNumber)
        guard try digits == safetyNumber(with: name).filter(\.isNumber) else { throw KitError.otherNumber(name) }
        try vault.people.confirm(name)
    }

    /// A person with whom the safety number was compared.
    ///
    /// - Throws: `KitError` E-SHARE-002, `VaultError` E-VAULT-054.
    @discardableResult
    package func requireConfirmed(_ name: String) throws -> PersonRecord {
        let person = try vault.people.fetch(named: name)
        guard person.isConfirmed else { throw KitError.notConfirmed(name) }
        return person
    }

    /// Seals a copy of a version for all devices of a person into a file, under a key of its own.
    ///
    /// - Throws: `KitError` E-SHARE-002 until the safety number was compared, E-FILE-010.
    package func share(_ reference: String, with name: String, to path: String) throws {
        let person = try requireConfirmed(name)
        let chain = try PersonCard(encodedLinks: person.links).chain
        try export(reference, to: path, devices: chain.active, circle: chain.circle)
        try vault.settings.set(Self.noticeKey, to: "1")
    }

    /// Seals a version into a file for one device of this circle, or for a person.
    ///
    /// - Throws: `KitError` E-SHARE-003 if nobody is called so, E-DEVICE-004 if the name does not say who is meant, and
    ///   as `share`.
    package func export(_ reference: String, to path: String, encryptedTo name: String) throws {
        let identity = try SharingIdentity(vault)
        if try vault.people.all().contains(where: { $0.name == name }) {
            // Devices name themselves: one in the wrong hands could be called as a person is.
            let alike = try devices().filter { $0.state == .active && $0.looksLike(name) }
            guard alike.isEmpty else { throw KitError.severalDevices(name, alike, orPerson: true) }
            return try share(reference, with: name, to: path)
        }
        do {
            let found = try device(named: name)
            guard !found.isPaper, let device = identity.chain.devices[found.id] else {
                throw KitError.unknownRecipient(name)
            }
            try export(reference, to: path, devices: [device], circle: identity.chain.circle)
        } catch let error as KitError where error.kind == .noDevice {
            throw KitError.unknownRecipient(name)
        }
    }

    private func export(_ reference: String, to path: String, devices: [CircleDevice], circle: CircleID) throws {
        let version = try vault.versions.fetch(reference)
        let plain = try SignedAdapter.encode(
            version, adapterID: version.wireAdapter, bytes: vault.versions.bytes(version.id),
            ancestors: vault.versions.ancestors(of: version, limit: SignedAdapter.ancestorLimit),
            from: SharingIdentity(vault), to: circle)
        let recipients = devices.map { DevicePublicKeys($0.record) }
        try NewFile.write(try plain.withUnsafeBytes { try AttuneFile.seal($0, devices: recipients) }, to: path)
    }
}
