// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What a note of an adapter says.
enum EventKind: String {
    case version, head, name, trashed, release

    /// Whether the heads of an adapter follow from it.
    var movesHeads: Bool { self == .version || self == .head }
}

/// A version of an adapter with all that another device needs to take it in.
package struct VersionPacket: Sendable, Equatable {
    /// The same on all devices.
    package var adapter: AdapterID
    /// The adapter's name on the author's device.
    package var name: String
    /// BLAKE2b-256 of the base model's file.
    package var base: BaseID
    package var id: VersionID
    /// Versions it was made from.
    package var parents: [VersionID]
    /// JSON.
    package var manifest: String
    package var blob: BlobPacket
    /// Milliseconds since 1970; for show only.
    package var created: UInt64
    package var lossBefore: Double?
    package var lossAfter: Double?
    /// Its number on the author's device.
    package var number: Int

    package init(
        adapter: AdapterID, name: String, base: BaseID, id: VersionID, parents: [VersionID], manifest: String,
        blob: BlobPacket, created: UInt64, lossBefore: Double?, lossAfter: Double?, number: Int
    ) {
        self.adapter = adapter
        self.name = name
        self.base = base
        self.id = id
        self.parents = parents
        self.manifest = manifest
        self.blob = blob
        self.created = created
        self.lossBefore = lossBefore
        self.lossAfter = lossAfter
        self.number = number
    }
}

/// A sealed run of bytes and the key to it, as devices of a circle tell each other.
package struct BlobPacket: Sendable, Equatable {
    package var id: BlobID
    /// 32 bytes.
    package var key: [UInt8]
    /// Bytes before encoding.
    package var size: Int
    /// Bytes after encoding, before padding.
    package var encodedSize: Int
    /// BLAKE2b-256 of the bytes before encoding.
    package var digest: Digest256
    package var codec: BlobCodec
    /// Chunk ids in order.
    package var chunks: [ChunkID]

    package init(
        id: BlobID, key: [UInt8], size: Int, encodedSize: Int, digest: Digest256, codec: BlobCodec,
        chunks: [ChunkID]
    ) {
        self.id = id
        self.key = key
        self.size = size
        self.encodedSize = encodedSize
        self.digest = digest
        self.codec = codec
        self.chunks = chunks
    }
}

/// Something that happened to an adapter and concerns all devices of the circle.
package enum AdapterEvent: Sendable, Equatable {
    case version(VersionPacket)
    /// The version that goes on, out of those that the event follows.
    case head(adapter: AdapterID, version: VersionID)
    case name(adapter: AdapterID, String)
    case trashed(adapter: AdapterID, Bool)
    /// Versions that were erased for good, and the entries whose chunks may go with them.
    case release(versions: [VersionID], entries: [EntryHash])
}

/// Something that happened here and was not published yet.
package struct Draft: Sendable, Equatable {
    package let id: Int64
    package let event: AdapterEvent
    /// Entries that it follows: at most 8, ascending.
    package let parents: [EntryHash]
}

/// Where an accepted entry stands, for what it does to an adapter.
package struct EntryContext: Sendable, Equatable {
    package let entry: EntryHash
    package let device: DeviceID
    /// How people call the author's device; used where two devices gave one name to two adapters.
    package let deviceName: String
    package let lamport: UInt64
    package let parents: [EntryHash]

    package init(
        entry: EntryHash, device: DeviceID, deviceName: String, lamport: UInt64, parents: [EntryHash]
    ) {
        self.entry = entry
        self.device = device
        self.deviceName = deviceName
        self.lamport = lamport
        self.parents = parents
    }
}
