// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// A version of an adapter with all that another device needs to take it in.
package struct VersionPacket: Sendable, Equatable {
    /// 16 bytes, the same on all devices.
    package var adapter: [UInt8]
    /// The adapter's name on the author's device.
    package var name: String
    /// BLAKE2b-256 of the base model's file.
    package var base: Digest256
    package var id: Digest256
    /// Versions it was made from.
    package var parents: [Digest256]
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
        adapter: [UInt8], name: String, base: Digest256, id: Digest256, parents: [Digest256], manifest: String,
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
    /// 16 bytes.
    package var id: [UInt8]
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
    package var chunks: [Digest256]

    package init(
        id: [UInt8], key: [UInt8], size: Int, encodedSize: Int, digest: Digest256, codec: BlobCodec,
        chunks: [Digest256]
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
    case head(adapter: [UInt8], version: Digest256)
    case name(adapter: [UInt8], String)
    case trashed(adapter: [UInt8], Bool)
    /// Versions that were erased for good, and the entries whose chunks may go with them.
    case release(versions: [Digest256], entries: [Digest256])
}

/// Something that happened here and was not published yet.
package struct Draft: Sendable, Equatable {
    package let id: Int64
    package let event: AdapterEvent
    /// Entries that it follows: at most 8, ascending.
    package let parents: [Digest256]
}

/// Where an accepted entry stands, for what it does to an adapter.
package struct EntryContext: Sendable, Equatable {
    package let entry: Digest256
    /// 16 bytes.
    package let device: [UInt8]
    /// How people call the author's device; used where two devices gave one name to two adapters.
    package let deviceName: String
    package let lamport: UInt64
    package let parents: [Digest256]

    package init(
        entry: Digest256, device: [UInt8], deviceName: String, lamport: UInt64, parents: [Digest256]
    ) {
        self.entry = entry
        self.device = device
        self.deviceName = deviceName
        self.lamport = lamport
        self.parents = parents
    }
}
