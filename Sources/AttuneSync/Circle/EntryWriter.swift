// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire
import Foundation
import SwiftProtobuf

/// Seals and signs the entries of a device's log.
package struct EntryWriter: Sendable {
    private let keys: DeviceKeys

    package init(keys: DeviceKeys) { self.keys = keys }

    /// Makes the entry of a draft at its place.
    ///
    /// - Parameter key: of the place's epoch.
    /// - Throws: `WireError` E-WIRE-002 and E-WIRE-003 if the draft breaks a limit.
    package func entry(_ draft: EntryDraft, at place: EntryPlace, key: EpochKey) throws -> Entry {
        let header = ProtoEntryHeader.with {
            $0.version = Entry.version
            $0.kind = draft.kind
            $0.circle = Data(place.circle.bytes)
            $0.device = Data(place.device.bytes)
            $0.seq = place.seq
            $0.previous = Data(place.previous.bytes)
            $0.epoch = place.epoch
            $0.lamport = place.lamport
            $0.frontier = place.frontier.sorted { $0.key < $1.key }.map { device, position in
                .with {
                    $0.device = Data(device.bytes)
                    $0.seq = position.seq
                    $0.entry = Data(position.hash.bytes)
                }
            }
            $0.parents = draft.parents.sorted().map { Data($0.bytes) }
            $0.chunks = draft.chunks.map { Data($0.bytes) }
            $0.released = draft.released.sorted().map { Data($0.bytes) }
        }
        return try entry(header: header, payload: draft.payload, key: key)
    }

    /// Seals and signs a header and payload as they are.
    ///
    /// - Throws: as `entry(_:at:key:)`.
    func entry(header: ProtoEntryHeader, payload: [UInt8], key: EpochKey) throws -> Entry {
        precondition(key.epoch == header.epoch && Data(keys.deviceID.bytes) == header.device)
        _ = try ProtoEntryPayload(parsing: payload, of: header.kind)
        let encoded: [UInt8] = try header.serializedBytes()
        let sealed = key.seal(payload: payload, header: encoded)
        let hash = Entry.hash(header: encoded, sealed: sealed)
        let signed = ProtoSignedEntry.with {
            $0.header = Data(encoded)
            $0.sealed = Data(sealed)
            $0.signature = Data(keys.sign(SignedText.entry(hash)))
        }
        return try Entry(parsing: signed.serializedBytes())
    }
}
