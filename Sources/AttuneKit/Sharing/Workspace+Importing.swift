// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

/// What became of a file for this device.
package enum ImportedFile: Sendable {
    /// A version of this circle, as it is on the device that made the file.
    case version(VersionRecord)
    /// A version of another person, or one that nobody says where to put, which waits until somebody takes it in.
    case received(ReceivedRecord)

    /// The version, such as `notes@3`; nil if it waits.
    package var reference: String? { if case .version(let record) = self { record.reference.description } else { nil } }

    /// What waits, and who sent it if that is known; nil if it is a version already.
    package var waiting: (name: String, sender: String?)? {
        if case .received(let record) = self { (record.name, record.person) } else { nil }
    }
}

/// Where an adapter goes that a PEFT folder or a file with a passphrase holds.
package enum ImportTarget: Sendable {
    /// Apart from all adapters, under this name, until somebody takes it in.
    case apart(String)
    /// A new adapter of this name.
    case new(String)
    /// A version more of this adapter, which is one's own.
    case into(String)
}

extension Workspace {
    /// Whether a `.attune` file is for devices, and not for whoever knows its passphrase.
    ///
    /// - Throws: `CryptoError` E-SEAL-010.
    package static func isForDevices(_ path: String) throws -> Bool {
        let recipients = try MappedFile(path: path).withBytes { try AttuneFile.recipients($0) }
        return !recipients.takesPassphrase && !recipients.devices.isEmpty
    }

    /// Takes in a file that was sealed for this device.
    ///
    /// A version of this circle keeps its identity, and the links of the circle that came with it are kept too: a
    /// device that is never online learns so who came in and who was shut out. A version of another person is put aside,
    /// whatever it says of itself.
    ///
    /// - Throws: `CryptoError` E-SEAL-014 (for others), `KitError` E-SHARE-004, E-SHARE-005, E-FILE-011, E-ADAPTER-029,
    ///   E-DEVICE-012, `AdapterError` for tensors that are none.
    package func importForDevice(_ path: String) throws -> ImportedFile {
        let identity = try SharingIdentity(vault)
        let plain = try MappedFile(path: path).withBytes { try AttuneFile.open($0, device: identity.keys) }
        let file = try SignedAdapter(encoded: plain, from: path)
        guard file.recipient == identity.chain.circle else { throw KitError.wrongSignature }
        guard let manifest = try? JSONDecoder().decode(AdapterManifest.self, from: Data(file.manifest.utf8)) else {
            throw KitError.notAnAdapter(path)
        }
        let isOwn = file.sender.circle == identity.chain.circle
        let chain: DeviceChain
        var fresh: [Link] = []
        if isOwn {
            (chain, fresh) = try Self.newest(identity, and: file.links, of: path)
        } else {
            guard let person = try vault.people.all().first(where: { $0.circle == file.sender.circle }) else {
                throw KitError.unknownSender
            }
            guard person.isConfirmed else { throw KitError.notConfirmed(person.name) }
            chain = try PersonCard(encodedLinks: person.links).chain
        }
        guard file.isSigned(by: chain) else { throw KitError.wrongSignature }
        let adapter = try file.bytes.withUnsafeBytes { try Adapter(encoded: $0, manifest: manifest) }
        try Self.check(adapter, manifest)
        if !fresh.isEmpty { try CircleKeys(vault).keep(fresh, after: identity.chain) }
        let version = NewVersion(
            manifest: file.manifest, content: try BlobContent(safetensors: file.bytes),
            parents: isOwn ? file.parents : [], lossBefore: manifest.training?.lossBefore,
            lossAfter: manifest.training?.lossAfter)
        guard isOwn else {
            return .received(
                try vault.received.add(from: file.sender.circle, name: file.name, base: manifest.base.id, version))
        }
        let device = try chain.devices[file.sender.device].map { try SharingIdentity(vault).name(of: $0) } ?? ""
        return .version(
            try vault.versions.addImported(
                adapter: file.adapterID, name: file.name, base: manifest.base.id, deviceName: device,
                ancestors: file.ancestors, version))
    }

    /// The longer one of the store's chain and the one in a file, and the links by which it is longer.
    private static func newest(
        _ identity: SharingIdentity, and encoded: [UInt8], of path: String
    ) throws -> (DeviceChain, [Link]) {
        guard !encoded.isEmpty else { return (identity.chain, []) }
        let links = try PersonCard.links(encoded)
        let common = min(links.count, identity.links.count)
        guard links[..<common] == identity.links[..<common] else { throw KitError.linksDiffer(file: path) }
        let fresh = try links[common...].map { try Link(parsing: $0) }
        var chain = identity.chain
        for link in fresh { try chain.append(link) }
        return (chain, fresh)
    }

    /// Makes an adapter of its own of what another person sent.
    ///
    /// - Throws: `VaultError` E-VAULT-055, E-VAULT-021; `AdapterError` for tensors that are none.
    package func accept(_ record: ReceivedRecord, as name: String) throws -> VersionRecord {
        let manifest = try JSONDecoder().decode(AdapterManifest.self, from: Data(record.manifest.utf8))
        let adapter = try vault.received.bytes(of: record).withUnsafeBytes {
            try Adapter(encoded: $0, manifest: manifest)
        }
        try Self.check(adapter, manifest)
        return try vault.received.accept(record, as: name)
    }

    /// The name, or the first of NAME-2, NAME-3 and so on that does not look like an adapter's.
    package func freeName(_ name: String) throws -> String {
        let taken = Set(try vault.adapters.all().map { NameLook($0.name) })
        guard taken.contains(NameLook(name)) else { return name }
        var number = 2
        while taken.contains(NameLook("\(name)-\(number)")) { number += 1 }
        return "\(name)-\(number)"
    }

    /// What was received under this name, the latest.
    ///
    /// - Throws: `VaultError` E-VAULT-055.
    package func received(named name: String) throws -> ReceivedRecord {
        guard let found = try vault.received.all().last(where: { $0.name == name }) else {
            throw VaultError.nothingReceived(name)
        }
        return found
    }
}
