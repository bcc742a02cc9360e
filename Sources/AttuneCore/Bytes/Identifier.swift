// Attune
// SPDX-License-Identifier: Apache-2.0

/// A kind of thing that ids name, so that the id of one kind does not pass for that of another.
package protocol IdentifierKind {
    /// Bytes of each of its ids.
    static var byteCount: Int { get }
}

/// A kind of thing that digests of 32 bytes name.
package protocol DigestKind: IdentifierKind {}

extension DigestKind { package static var byteCount: Int { 32 } }

/// A kind of thing that ids of 16 bytes name.
package protocol ShortKind: IdentifierKind {}

extension ShortKind { package static var byteCount: Int { 16 } }

/// The id of one kind of thing: bytes of a fixed count, written as lower-case hexadecimal digits.
package struct Identifier<Kind: IdentifierKind>: Hashable, Sendable, Comparable, CustomStringConvertible, Codable {
    /// Exactly `Kind.byteCount` bytes.
    package let bytes: [UInt8]

    /// Fails unless there are exactly as many bytes as ids of the kind have.
    package init?(_ bytes: some Sequence<UInt8>) { self.init(Array(bytes)[...]) }

    /// Fails unless there are exactly as many bytes as ids of the kind have.
    package init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == Kind.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// Fails unless the text is exactly the hexadecimal digits of an id.
    package init?(hex: String) {
        guard let decoded = Hex.decode(hex) else { return nil }
        self.init(decoded)
    }

    /// The id of zeros alone, which names nothing: what comes before the first item of a log.
    package static var zero: Self { Self(zeros: Kind.byteCount) }

    private init(zeros count: Int) { bytes = [UInt8](repeating: 0, count: count) }

    package var description: String { Hex.encode(bytes) }

    /// The first 12 digits, enough to tell things apart on a screen.
    package var short: String { String(description.prefix(12)) }

    package static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let value = Self(hex: text) else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "not \(2 * Kind.byteCount) hexadecimal digits"))
        }
        self = value
    }

    /// Writes the id as its hexadecimal digits.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Identifier where Kind: DigestKind {
    /// Names a thing by a digest.
    package init(_ digest: Digest256) { bytes = digest.bytes }

    /// The digest that names the thing.
    package var digest: Digest256 { Identifier<ContentKind>(same: self) }

    private init(same other: Identifier<some DigestKind>) { bytes = other.bytes }
}

extension Identifier where Kind: ShortKind {
    /// Names a thing by the first bytes of a digest.
    package init(startOf digest: Digest256) { bytes = Array(digest.bytes.prefix(Kind.byteCount)) }
}

/// A digest of bytes that names nothing by itself.
package typealias Digest256 = Identifier<ContentKind>
/// The hash of a circle's first link.
package typealias CircleID = Identifier<CircleKind>
/// BLAKE2b-256 of a link's body.
package typealias LinkHash = Identifier<LinkKind>
/// BLAKE2b-256 of an entry's header and its sealed payload.
package typealias EntryHash = Identifier<EntryKind>
/// BLAKE2b-256 of a sealed chunk.
package typealias ChunkID = Identifier<ChunkKind>
/// BLAKE2b-256 of a version's manifest and tensors.
package typealias VersionID = Identifier<VersionKind>
/// BLAKE2b-256 of a base model's file.
package typealias BaseID = Identifier<BaseKind>
/// BLAKE2b-256 of a document's text.
package typealias DocumentID = Identifier<DocumentKind>
/// BLAKE2b-128 of a device's public keys, with personal string `AT-device-id`.
package typealias DeviceID = Identifier<DeviceKind>
/// Random, of an adapter.
package typealias AdapterID = Identifier<AdapterKind>
/// Random, of a run of bytes that lies in sealed chunks.
package typealias BlobID = Identifier<BlobKind>

package enum ContentKind: DigestKind {}
package enum CircleKind: DigestKind {}
package enum LinkKind: DigestKind {}
package enum EntryKind: DigestKind {}
package enum ChunkKind: DigestKind {}
package enum VersionKind: DigestKind {}
package enum BaseKind: DigestKind {}
package enum DocumentKind: DigestKind {}
package enum DeviceKind: ShortKind {}
package enum AdapterKind: ShortKind {}
package enum BlobKind: ShortKind {}
