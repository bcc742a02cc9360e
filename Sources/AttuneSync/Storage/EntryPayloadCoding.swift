// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import AttuneWire
import Foundation
import SwiftProtobuf

/// What is sealed in an entry, as the store says it and as it travels.
package enum EntryPayloadCoding {
    /// Longest name and manifest that are taken from another device, in bytes.
    static let nameLimit = 256
    static let manifestLimit = 200 << 10
    /// Grows with every kind of content that this program comes to know, so that entries which waited are opened again.
    static let format = 1

    /// The kind of the entry and the serialised payload.
    package static func encode(_ event: AdapterEvent) throws -> (kind: ProtoEntryKind, payload: [UInt8]) {
        var payload = ProtoEntryPayload()
        let kind: ProtoEntryKind
        switch event {
        case .version(let packet):
            kind = .version
            payload.version = message(packet)
        case .head(let adapter, let version):
            kind = .change
            payload.change.adapter = Data(adapter.bytes)
            payload.change.head = Data(version.bytes)
        case .name(let adapter, let name):
            kind = .change
            payload.change.adapter = Data(adapter.bytes)
            payload.change.name = name
        case .trashed(let adapter, let isTrashed):
            kind = .change
            payload.change.adapter = Data(adapter.bytes)
            payload.change.trashed = isTrashed
        case .release(let versions, _):
            kind = .release
            payload.release.versions = versions.map { Data($0.bytes) }
        }
        return (kind, try payload.serializedBytes())
    }

    /// What an opened entry says; nil for content that is not about adapters of this circle.
    ///
    /// - Parameter entry: whose header gives the chunks and must agree with the content.
    /// - Throws: `SyncError` E-SYNC-060 for content that cannot be.
    package static func decode(_ payload: ProtoEntryPayload, of entry: Entry) throws -> AdapterEvent? {
        switch (payload.content, entry.kind) {
        case (.version(let version), .version): return .version(try packet(version, chunks: entry.chunks))
        case (.change(let change), .change):
            let adapter = try adapterID(change.adapter)
            switch change.change {
            case .name(let name):
                guard (1...nameLimit).contains(name.utf8.count) else { throw SyncError.badContent("a name") }
                return .name(adapter: adapter, name)
            case .head(let head):
                guard let version = VersionID(head) else { throw SyncError.badContent("a head") }
                return .head(adapter: adapter, version: version)
            case .trashed(let isTrashed): return .trashed(adapter: adapter, isTrashed)
            // A change of a later version of the program: it is kept and changes nothing here.
            case nil: return nil
            }
        case (.release(let release), .release):
            return .release(versions: try release.versions.map(version), entries: entry.released)
        case (.share, .share), (nil, _): return nil
        default: throw SyncError.badContent("its kind")
        }
    }

    private static func message(_ packet: VersionPacket) -> ProtoAdapterVersion {
        var message = ProtoAdapterVersion()
        message.adapter = Data(packet.adapter.bytes)
        message.name = packet.name
        message.base = Data(packet.base.bytes)
        message.version = Data(packet.id.bytes)
        message.parents = packet.parents.map { Data($0.bytes) }
        message.manifest = packet.manifest
        message.blob.id = Data(packet.blob.id.bytes)
        message.blob.key = Data(packet.blob.key)
        message.blob.size = UInt64(packet.blob.size)
        message.blob.encodedSize = UInt64(packet.blob.encodedSize)
        message.blob.digest = Data(packet.blob.digest.bytes)
        message.blob.codec = UInt32(packet.blob.codec.rawValue)
        message.created = packet.created
        if let loss = packet.lossBefore { message.lossBefore = loss }
        if let loss = packet.lossAfter { message.lossAfter = loss }
        message.number = UInt32(clamping: packet.number)
        return message
    }

    private static func packet(_ message: ProtoAdapterVersion, chunks: [ChunkID]) throws -> VersionPacket {
        guard let base = BaseID(message.base), (1...nameLimit).contains(message.name.utf8.count),
            (1...manifestLimit).contains(message.manifest.utf8.count), message.parents.count <= WireLimits.parents * 8
        else { throw SyncError.badContent("a version") }
        // A version that cannot be stored in 2^40 bytes is no adapter; it also keeps the sums below from overflowing.
        guard let blob = BlobID(message.blob.id), let digest = Digest256(message.blob.digest),
            message.blob.key.count == 32, message.blob.size <= 1 << 40, message.blob.encodedSize <= 1 << 40,
            let codec = BlobCodec(rawValue: Int(message.blob.codec))
        else { throw SyncError.badContent("the bytes of a version") }
        return VersionPacket(
            adapter: try adapterID(message.adapter), name: message.name, base: base, id: try version(message.version),
            parents: try message.parents.map(version), manifest: message.manifest,
            blob: BlobPacket(
                id: blob, key: Array(message.blob.key), size: Int(message.blob.size),
                encodedSize: Int(message.blob.encodedSize), digest: digest, codec: codec, chunks: chunks),
            created: min(message.created, 1 << 53),
            lossBefore: message.hasLossBefore && message.lossBefore.isFinite ? message.lossBefore : nil,
            lossAfter: message.hasLossAfter && message.lossAfter.isFinite ? message.lossAfter : nil,
            number: Int(message.number))
    }

    private static func adapterID(_ data: Data) throws -> AdapterID {
        guard let id = AdapterID(data) else { throw SyncError.badContent("the id of an adapter") }
        return id
    }

    private static func version(_ data: Data) throws -> VersionID {
        guard let id = VersionID(data) else { throw SyncError.badContent("the id of a version") }
        return id
    }
}
