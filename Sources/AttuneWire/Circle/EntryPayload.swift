// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
internal import Foundation
internal import SwiftProtobuf

extension ProtoEntryPayload {
    /// Parses the opened payload of an entry and checks that it is what the entry's kind says.
    ///
    /// Fields that this version does not know are passed over: what they may change is for show only.
    ///
    /// - Throws: `WireError` E-WIRE-003 (too large), E-WIRE-004 (content of a newer version), E-WIRE-012 (malformed).
    package init(parsing bytes: [UInt8], of kind: ProtoEntryKind) throws {
        guard bytes.count <= WireLimits.payloadBytes else {
            throw WireError.tooLarge("an entry's payload", limit: WireLimits.payloadBytes)
        }
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        options.messageDepthLimit = WireLimits.depth
        guard let payload = try? ProtoEntryPayload(serializedBytes: bytes, options: options) else {
            throw WireError.payload("no message")
        }
        switch (kind, payload.content) {
        case (.version, .version(let version)): try version.check()
        case (.change, .change(let change)): try change.check()
        case (.share, .share(let share)):
            guard share.circle.count == 32, share.adapter.count == 16, share.version.count == 32 else {
                throw WireError.payload("a share")
            }
        case (.release, .release(let release)):
            guard (1...WireLimits.released).contains(release.versions.count),
                release.versions.allSatisfy({ $0.count == 32 })
            else { throw WireError.payload("a release") }
        case (_, nil): throw WireError.unknownVersion("an entry's payload")
        default: throw WireError.payload("it is not of the entry's kind")
        }
        self = payload
    }
}

extension ProtoAdapterVersion {
    fileprivate func check() throws {
        guard adapter.count == 16, base.count == 32, version.count == 32, parents.count <= WireLimits.parents,
            parents.allSatisfy({ $0.count == 32 }), number >= 1
        else { throw WireError.payload("a version's ids") }
        guard ProtoEntryPayload.isName(name) else { throw WireError.payload("a version's name") }
        guard !manifest.isEmpty else { throw WireError.payload("a version's manifest") }
        guard !hasLossBefore || lossBefore.isFinite, !hasLossAfter || lossAfter.isFinite else {
            throw WireError.payload("a version's loss")
        }
        guard hasBlob, blob.id.count == 16, blob.key.count == 32, blob.digest.count == 32,
            (1...WireLimits.blobBytes).contains(blob.size), (1...WireLimits.blobBytes).contains(blob.encodedSize),
            blob.size / WireLimits.blobRatio <= blob.encodedSize
        else { throw WireError.payload("a version's blob") }
    }
}

extension ProtoAdapterChange {
    fileprivate func check() throws {
        guard adapter.count == 16 else { throw WireError.payload("a change's adapter") }
        switch change {
        case .name(let name):
            guard ProtoEntryPayload.isName(name) else { throw WireError.payload("a change's name") }
        case .head(let head):
            guard head.count == 32 else { throw WireError.payload("a change's head") }
        case .trashed: break
        case nil: throw WireError.unknownVersion("an entry's payload")
        }
    }
}

extension ProtoEntryPayload {
    /// Whether a text from elsewhere may be shown as a name: 1 to 256 bytes without control or formatting characters.
    package static func isName(_ text: String) -> Bool {
        ShownText.isName(text, limit: 256)
    }
}
