// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
internal import Foundation
internal import SwiftProtobuf

/// One signed link of a circle's device chain, with the shape of every field checked.
///
/// Whether it may follow the links before it is for `DeviceChain` to say, and so is its signature.
package struct Link: Sendable, Equatable {
    /// BLAKE2b-256 of the body with personal string `AT-devlink`.
    package let hash: LinkHash
    package let body: ProtoLinkBody
    package let signed: ProtoSignedLink
    package let signer: DeviceID
    /// From 1.
    package let seq: UInt64
    /// Hash of the link before; zeros in the genesis link.
    package let previous: LinkHash
    /// The serialised `SignedLink`, as received.
    package let bytes: [UInt8]

    /// Parses a serialised `SignedLink`.
    ///
    /// - Throws: `WireError` E-WIRE-001 (malformed), E-WIRE-003 (too large), E-WIRE-004 (another version or suite).
    package init(parsing bytes: [UInt8]) throws {
        guard bytes.count <= WireLimits.linkBytes else {
            throw WireError.tooLarge("a link", limit: WireLimits.linkBytes)
        }
        guard let signed = ProtoSignedLink(canonical: bytes) else { throw WireError.link("not a signed link") }
        guard signed.signature.count == 64 else { throw WireError.link("signature") }
        let encoded = Array(signed.body)
        guard let body = ProtoLinkBody(canonical: encoded) else {
            // A later program may sign what this one cannot name: better to know that than to call it malformed.
            throw Self.isNewer(encoded) ? WireError.unknownVersion("a link") : WireError.link("body")
        }
        guard body.version == Self.version(of: body.payload), body.suite == Self.suite else {
            throw WireError.unknownVersion("a link")
        }
        guard let previous = LinkHash(body.previous), let signer = DeviceID(body.signer) else {
            throw WireError.link("previous or signer")
        }
        guard (1...WireLimits.links).contains(body.seq), UInt64(body.epoch) < body.seq else {
            throw WireError.link("number")
        }
        hash = Self.hash(body: encoded)
        self.body = body
        self.signed = signed
        self.signer = signer
        seq = body.seq
        self.previous = previous
        self.bytes = bytes
        try checkShape()
    }

    /// Parses the link of another message.
    ///
    /// - Throws: as `init(parsing:)`.
    package init(_ signed: ProtoSignedLink) throws {
        guard signed.body.count <= WireLimits.linkBytes, signed.signature.count == 64,
            let bytes: [UInt8] = try? signed.serializedBytes()
        else { throw WireError.link("not a signed link") }
        try self.init(parsing: bytes)
    }

    /// The hash of a link with this serialised body.
    package static func hash(body: [UInt8]) -> LinkHash { LinkHash(WireHash.blake2b(body, personal: "AT-devlink")) }

    /// The version of a link with this payload: the first one that has its kind.
    package static func version(of payload: ProtoLinkBody.OneOf_Payload?) -> UInt32 {
        if case .replaceWords = payload { newestVersion } else { 1 }
    }

    /// The newest version that this program takes.
    package static let newestVersion: UInt32 = 2
    /// The only suite: Ed25519 signatures and X-Wing envelopes.
    package static let suite: UInt32 = 2

    private static func isNewer(_ body: [UInt8]) -> Bool {
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = WireLimits.depth
        guard let body = try? ProtoLinkBody(serializedBytes: body, options: options) else { return false }
        return body.version > newestVersion || body.suite > suite
    }

    /// The circle that it begins, if it is a genesis link.
    package var circle: CircleID { CircleID(hash.digest) }

    /// Whether the link shuts somebody out: a device, or the recovery words before new ones.
    package var isRevocation: Bool {
        switch body.payload {
        case .revoke, .replaceWords: true
        default: false
        }
    }

    /// Whether the signature is by the owner of `signingKey`.
    package func isSigned(by signingKey: [UInt8]) -> Bool {
        WireHash.verify(Array(signed.signature), of: SignedText.link(hash), by: signingKey)
    }
}
