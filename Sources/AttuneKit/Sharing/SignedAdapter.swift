// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

/// A version as it is put into a file for devices: with its identity, and signed by the device that made the file.
///
/// Plaintext inside the file: `ATADAPT3`, sender's circle 32, sender's device 16, signature 64, recipient's circle 32,
/// adapter 16, u16 length of the name, name, u8 count of parents, parents 32 each, u16 count of earlier versions,
/// their ids 32 each, u32 length of the links, links, u32 length of the manifest, manifest, safetensors bytes. The
/// signature is Ed25519 over `attune/v1/file!` ‖ 00 ‖ BLAKE2b-256 (personal `AT-portable`) of everything but itself.
struct SignedAdapter: Sendable {
    static let magic = Array("ATADAPT3".utf8)
    private static let largestManifest: UInt32 = 16 << 20
    private static let largestLinks: UInt32 = 16 << 20
    private static let nameLimit = 256
    private static let parentLimit = 64
    /// Most versions before this one that a file names.
    static let ancestorLimit = 1024
    private static let signatureRange = 56..<120

    /// Circle of the device that made the file, and the device.
    let sender: (circle: CircleID, device: DeviceID)
    /// Circle of those who may open it.
    let recipient: CircleID
    /// The same on all devices of the sender's circle.
    let adapterID: AdapterID
    let name: String
    let parents: [VersionID]
    /// All versions before it, as far as they are known and fit; the nearest first. None for another circle.
    let ancestors: [VersionID]
    /// The links of the sender's circle for its own devices, serialised as on a card; empty for another circle.
    let links: [UInt8]
    /// JSON, exactly as the store has it.
    let manifest: String
    let bytes: [UInt8]
    private let signature: [UInt8]
    private let signedText: [UInt8]

    /// The plaintext of a file.
    ///
    /// - Parameter ancestors: versions before this one; of no concern to another circle.
    /// - Throws: `WireError` for links that do not hold.
    static func encode(
        _ version: VersionRecord, adapterID: AdapterID, bytes: [UInt8], ancestors: [VersionID],
        from identity: SharingIdentity, to recipient: CircleID
    ) throws -> [UInt8] {
        let isOwn = recipient == identity.chain.circle
        let links = isOwn ? try PersonCard(links: identity.links).encodedLinks : []
        var head = ByteWriter()
        head.append(magic)
        head.append(identity.chain.circle.bytes)
        head.append(identity.keys.deviceID.bytes)
        var body = ByteWriter()
        body.append(recipient.bytes)
        body.append(adapterID.bytes)
        body.bigEndian(UInt16(version.adapter.utf8.count))
        body.append(version.adapter)
        let parents = version.parents.prefix(parentLimit)
        body.bigEndian(UInt8(parents.count))
        for parent in parents { body.append(parent.bytes) }
        let earlier = isOwn ? ancestors.prefix(ancestorLimit) : []
        body.bigEndian(UInt16(earlier.count))
        for ancestor in earlier { body.append(ancestor.bytes) }
        // A chain that does not fit is left out: the other device has to sync for it.
        let carried = links.count <= Int(largestLinks) ? links : []
        body.bigEndian(UInt32(carried.count))
        body.append(carried)
        body.bigEndian(UInt32(version.manifest.utf8.count))
        body.append(version.manifest)
        body.append(bytes)
        let signature = identity.keys.sign(text(head.bytes + body.bytes))
        return head.bytes + signature + body.bytes
    }

    /// Reads the plaintext of the file at `path`; the signature is not checked yet.
    ///
    /// - Throws: `KitError` E-FILE-011.
    init(encoded plain: [UInt8], from path: String) throws {
        let refused = KitError.notAnAdapter(path)
        do {
            self = try plain.withUnsafeBytes { bytes in
                var reader = ByteReader(bytes)
                guard try reader.array(8) == Self.magic, let circle = CircleID(try reader.array(32)),
                    let device = DeviceID(try reader.array(16))
                else { throw refused }
                let signature = try reader.array(64)
                guard let recipient = CircleID(try reader.array(32)) else { throw refused }
                guard let adapter = AdapterID(try reader.array(16)) else { throw refused }
                let nameLength: UInt16 = try reader.bigEndian()
                guard (1...Self.nameLimit).contains(Int(nameLength)) else { throw refused }
                let name = try reader.string(UInt64(nameLength))
                let count: UInt8 = try reader.bigEndian()
                guard Int(count) <= Self.parentLimit else { throw refused }
                let parents = try (0..<count).compactMap { _ in VersionID(try reader.array(32)) }
                let earlier: UInt16 = try reader.bigEndian()
                guard Int(earlier) <= Self.ancestorLimit else { throw refused }
                let ancestors = try (0..<earlier).compactMap { _ in VersionID(try reader.array(32)) }
                let linkBytes: UInt32 = try reader.bigEndian()
                guard linkBytes <= Self.largestLinks else { throw refused }
                let links = try reader.array(Int(linkBytes))
                let length: UInt32 = try reader.bigEndian()
                guard length <= Self.largestManifest else { throw refused }
                let manifest = try reader.string(UInt64(length))
                var signed = plain
                signed.removeSubrange(Self.signatureRange)
                return SignedAdapter(
                    sender: (circle, device), recipient: recipient, adapterID: adapter, name: name, parents: parents,
                    ancestors: ancestors, links: links, manifest: manifest, bytes: try reader.array(reader.remaining),
                    signature: signature,
                    signedText: Self.text(signed))
            }
        } catch is ByteReader.Failure {
            throw refused
        }
    }

    private init(
        sender: (circle: CircleID, device: DeviceID), recipient: CircleID, adapterID: AdapterID, name: String,
        parents: [VersionID], ancestors: [VersionID], links: [UInt8], manifest: String, bytes: [UInt8],
        signature: [UInt8], signedText: [UInt8]
    ) {
        self.sender = sender
        self.recipient = recipient
        self.adapterID = adapterID
        self.name = name
        self.parents = parents
        self.ancestors = ancestors
        self.links = links
        self.manifest = manifest
        self.bytes = bytes
        self.signature = signature
        self.signedText = signedText
    }

    /// Whether a device of `chain` that still belongs to it made the file.
    func isSigned(by chain: DeviceChain) -> Bool {
        guard sender.circle == chain.circle, let device = chain.devices[sender.device], device.isActive, !device.isPaper
        else { return false }
        return WireHash.verify(signature, of: signedText, by: device.signingKey)
    }

    private static func text(_ content: [UInt8]) -> [UInt8] {
        Array("attune/v1/file!\0".utf8) + BLAKE2b.hash(content, personal: "AT-portable").bytes
    }
}
