// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import SwiftProtobuf

/// A circle of synthetic devices: links and entries with true signatures around random ciphertext.
package struct SyntheticCircle: Sendable {
    package private(set) var chain: DeviceChain
    package private(set) var links: [Link]
    package var id: CircleID { chain.circle }

    /// Starts a circle, with recovery words unless `paper` is nil.
    package init(founder: SyntheticDevice, paper: SyntheticDevice?) throws {
        var genesis = ProtoGenesis()
        genesis.device = founder.record
        if let paper { genesis.paper = paper.record }
        genesis.epochKeys = Self.keys(epoch: 1, for: [founder.id] + (paper.map { [$0.id] } ?? []))
        genesis.sealedName = Data(SyntheticDevice.random(Link.sealedNameBytes))
        var body = ProtoLinkBody()
        body.genesis = genesis
        let link = try Self.link(body, seq: 1, previous: nil, epoch: 0, by: founder)
        chain = try DeviceChain(genesis: link)
        links = [link]
    }

    /// Adds a device and returns its link.
    @discardableResult
    package mutating func add(_ device: SyntheticDevice, by signer: SyntheticDevice) throws -> Link {
        var add = ProtoAddDevice()
        add.device = device.record
        add.counterSignature = Data(
            device.sign(SignedText.join(circle: id, device: device.id, previous: chain.head)))
        add.sealedName = Data(SyntheticDevice.random(Link.sealedNameBytes))
        var body = ProtoLinkBody()
        body.add = add
        return try append(body, by: signer)
    }

    /// Removes a device, none of whose entries after `last` count, and returns the link.
    @discardableResult
    package mutating func revoke(
        _ device: SyntheticDevice, by signer: SyntheticDevice, last: Entry? = nil, second: SyntheticDevice? = nil
    ) throws -> Link {
        var revocation = ProtoRevocation()
        revocation.device = Data(device.id.bytes)
        revocation.lastSeq = last?.seq ?? 0
        revocation.lastEntry = Data(last?.hash.bytes ?? [])
        var revoke = ProtoRevokeDevices()
        revoke.revocations = [revocation]
        revoke.epochKeys = Self.keys(
            epoch: chain.epoch + 1, for: chain.recipients.map(\.id).filter { $0 != device.id })
        if let second {
            revoke.secondSigner = Data(second.id.bytes)
            revoke.secondSignature = Data(
                second.sign(SignedText.revoke(previous: chain.head, devices: [device.id])))
        }
        var body = ProtoLinkBody()
        body.revoke = revoke
        return try append(body, by: signer)
    }

    /// Begins a new key epoch, whose link grows with the devices, and returns the link.
    @discardableResult
    package mutating func beginEpoch(by signer: SyntheticDevice) throws -> Link {
        var body = ProtoLinkBody()
        body.epochKeys = Self.keys(epoch: chain.epoch + 1, for: chain.recipients.map(\.id))
        return try append(body, by: signer)
    }

    private mutating func append(_ body: ProtoLinkBody, by signer: SyntheticDevice) throws -> Link {
        let link = try Self.link(body, seq: chain.seq + 1, previous: chain.head, epoch: chain.epoch, by: signer)
        try chain.append(link)
        links.append(link)
        return link
    }

    private static func link(
        _ content: ProtoLinkBody, seq: UInt64, previous: LinkHash?, epoch: UInt32, by signer: SyntheticDevice
    ) throws -> Link {
        var body = content
        body.version = Link.version(of: content.payload)
        body.suite = Link.suite
        body.seq = seq
        body.previous = Data(previous?.bytes ?? Array(repeating: 0, count: 32))
        body.signer = Data(signer.id.bytes)
        body.epoch = epoch
        let bytes: [UInt8] = try body.serializedBytes()
        var signed = ProtoSignedLink()
        signed.body = Data(bytes)
        signed.signature = Data(signer.sign(SignedText.link(Link.hash(body: bytes))))
        return try Link(signed)
    }

    private static func keys(epoch: UInt32, for devices: [DeviceID]) -> ProtoEpochKeys {
        var keys = ProtoEpochKeys()
        keys.epoch = epoch
        keys.envelopes = devices.sorted().map { device in
            var envelope = ProtoEnvelope()
            envelope.device = Data(device.bytes)
            envelope.sealed = Data(SyntheticDevice.random(Link.envelopeBytes))
            return envelope
        }
        if epoch > 1 { keys.sealedPrevious = Data(SyntheticDevice.random(Link.sealedPreviousBytes)) }
        return keys
    }

    /// An entry of a device after `previous`: a version where there are chunks, a release where there are released
    /// entries, else a change.
    package func entry(
        by device: SyntheticDevice, after previous: Entry? = nil, chunks: [ChunkID] = [],
        releasing released: [EntryHash] = []
    ) throws -> Entry {
        var header = ProtoEntryHeader()
        header.version = Entry.version
        header.kind = !chunks.isEmpty ? .version : released.isEmpty ? .change : .release
        header.circle = Data(id.bytes)
        header.device = Data(device.id.bytes)
        header.seq = (previous?.seq ?? 0) + 1
        header.previous = Data(previous?.hash.bytes ?? Array(repeating: 0, count: 32))
        header.epoch = chain.epoch
        header.lamport = header.seq
        header.chunks = chunks.map { Data($0.bytes) }
        header.released = released.sorted().map { Data($0.bytes) }
        let encoded: [UInt8] = try header.serializedBytes()
        let sealed = SyntheticDevice.random(WireLimits.leastPayload + 40)
        var signed = ProtoSignedEntry()
        signed.header = Data(encoded)
        signed.sealed = Data(sealed)
        signed.signature = Data(device.sign(SignedText.entry(Entry.hash(header: encoded, sealed: sealed))))
        return try Entry(parsing: signed.serializedBytes())
    }

    /// Random bytes of a chunk's size, and their id.
    package static func chunk(_ count: Int = WireLimits.chunkBytes) -> (id: ChunkID, bytes: [UInt8]) {
        let bytes = SyntheticDevice.random(count)
        return (ChunkID(WireHash.blake2b(bytes, personal: "")), bytes)
    }
}
