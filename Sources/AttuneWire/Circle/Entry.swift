// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
internal import Foundation
internal import SwiftProtobuf

/// One signed entry of a device's log, with the shape of its header checked; the payload stays sealed.
package struct Entry: Sendable, Equatable {
    /// BLAKE2b-256, personal string `AT-entry-hash`, of header length u32 ‖ header ‖ sealed.
    package let hash: EntryHash
    package let header: ProtoEntryHeader
    package let circle: CircleID
    package let device: DeviceID
    /// From 1, dense.
    package let seq: UInt64
    /// Hash of the same device's entry before; zeros for the first.
    package let previous: EntryHash
    package let kind: ProtoEntryKind
    package let epoch: UInt32
    package let lamport: UInt64
    /// At most 8, ascending.
    package let parents: [EntryHash]
    /// At most 16,384, in the order of the blob.
    package let chunks: [ChunkID]
    /// For a release: entries whose chunks may go, at most 1,024, ascending.
    package let released: [EntryHash]
    /// The newest entry of every other device that the author knew.
    package let frontier: [DeviceID: LogPosition]
    /// The header's bytes as signed: part of the payload's associated data.
    package let headerBytes: [UInt8]
    /// Nonce 24 ‖ ciphertext ‖ tag 16.
    package let sealed: [UInt8]
    /// 64 bytes.
    package let signature: [UInt8]
    /// The serialised `SignedEntry`, as received.
    package let bytes: [UInt8]

    /// Where it stands in its device's log.
    package var position: LogPosition { LogPosition(seq: seq, hash: hash) }

    /// Parses a serialised `SignedEntry`; the signature is not checked.
    ///
    /// - Throws: `WireError` E-WIRE-002 (malformed), E-WIRE-003 (too large), E-WIRE-004 (another version).
    package init(parsing bytes: [UInt8]) throws {
        guard bytes.count <= WireLimits.entryBytes else {
            throw WireError.tooLarge("an entry", limit: WireLimits.entryBytes)
        }
        guard let signed = ProtoSignedEntry(canonical: bytes) else { throw WireError.entry("not a signed entry") }
        guard signed.header.count <= WireLimits.headerBytes else {
            throw WireError.tooLarge("an entry's header", limit: WireLimits.headerBytes)
        }
        guard signed.sealed.count <= WireLimits.sealedBytes else {
            throw WireError.tooLarge("an entry's payload", limit: WireLimits.sealedBytes)
        }
        guard signed.signature.count == 64 else { throw WireError.entry("signature") }
        guard signed.sealed.count >= WireLimits.leastPayload + 40 else { throw WireError.entry("payload") }
        let encoded = Array(signed.header)
        guard let header = ProtoEntryHeader(canonical: encoded) else { throw WireError.entry("header") }
        guard header.version == Self.version else { throw WireError.unknownVersion("an entry") }
        guard let circle = CircleID(header.circle), let device = DeviceID(header.device),
            let previous = EntryHash(header.previous)
        else { throw WireError.entry("circle, device or entry before") }
        self.header = header
        self.circle = circle
        self.device = device
        self.previous = previous
        seq = header.seq
        kind = header.kind
        epoch = header.epoch
        lamport = header.lamport
        parents = try Self.ids(header.parents, limit: WireLimits.parents, "parents")
        chunks = try Self.ids(header.chunks, limit: WireLimits.chunks, "chunks")
        released = try Self.ids(header.released, limit: WireLimits.released, "released entries")
        frontier = try Self.positions(header.frontier, author: device)
        headerBytes = encoded
        sealed = Array(signed.sealed)
        signature = Array(signed.signature)
        hash = Self.hash(header: headerBytes, sealed: sealed)
        self.bytes = bytes
        try checkNumbers()
    }

    /// The only version of the format.
    package static let version: UInt32 = 1

    /// The hash of an entry with these parts.
    package static func hash(header: [UInt8], sealed: [UInt8]) -> EntryHash {
        var writer = ByteWriter()
        writer.bigEndian(UInt32(header.count))
        writer.append(header)
        writer.append(sealed)
        return EntryHash(WireHash.blake2b(writer.bytes, personal: "AT-entry-hash"))
    }

    /// Checks the signature.
    ///
    /// - Throws: `WireError` E-WIRE-005.
    package func verify(signingKey: [UInt8]) throws {
        guard WireHash.verify(signature, of: SignedText.entry(hash), by: signingKey) else {
            throw WireError.signature("an entry")
        }
    }
}
