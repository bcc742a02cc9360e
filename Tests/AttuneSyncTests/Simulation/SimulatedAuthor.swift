// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneWire
import CSodium
import Foundation

/// Seals payloads with XChaCha20-Poly1305 under one key that only devices have, and signs entries.
struct SimulatedAuthor: EntryAuthor {
    let identity: SimulatedIdentity
    let key: [UInt8]

    func write(_ draft: EntryDraft, at place: EntryPlace) throws -> [UInt8] {
        var header = ProtoEntryHeader()
        header.version = 1
        header.kind = draft.kind
        header.circle = Data(place.circle.bytes)
        header.device = Data(place.device.bytes)
        header.seq = place.seq
        header.previous = Data(place.previous.bytes)
        header.epoch = place.epoch
        header.lamport = place.lamport
        header.frontier = place.frontier.sorted { $0.key < $1.key }.map { device, head in
            var seen = ProtoSeen()
            seen.device = Data(device.bytes)
            seen.seq = head.seq
            seen.entry = Data(head.hash.bytes)
            return seen
        }
        header.parents = draft.parents.sorted().map { Data($0.bytes) }
        header.chunks = draft.chunks.map { Data($0.bytes) }
        return try identity.entry(header, sealed: Self.seal(draft.payload, key: key, place: place))
    }

    static func seal(_ payload: [UInt8], key: [UInt8], place: EntryPlace) -> [UInt8] {
        var plain = [UInt8](repeating: 0, count: 256)
        plain.replaceSubrange(0..<payload.count, with: payload)
        // A nonce that no two places share, so that a run is the same every time.
        let nonce = Array(
            WireHash.blake2b(payload + place.previous.bytes + place.device.bytes, personal: "nonce").bytes.prefix(24))
        var sealed = [UInt8](repeating: 0, count: plain.count + 16)
        crypto_aead_xchacha20poly1305_ietf_encrypt(
            &sealed, nil, plain, UInt64(plain.count), nil, 0, nil, nonce, key)
        return nonce + sealed
    }

    static func open(_ entry: Entry, key: [UInt8]) -> [UInt8]? {
        let nonce = Array(entry.sealed.prefix(24))
        let sealed = Array(entry.sealed.dropFirst(24))
        guard sealed.count > 16 else { return nil }
        var plain = [UInt8](repeating: 0, count: sealed.count - 16)
        guard
            crypto_aead_xchacha20poly1305_ietf_decrypt(
                &plain, nil, nil, sealed, UInt64(sealed.count), nil, 0, nonce, key) == 0
        else { return nil }
        return plain
    }
}

/// Does in a simulated store what its entries say.
struct SimulatedApplier: EntryApplying {
    let store: SimulatedStore
    let key: [UInt8]

    func apply() throws -> [String] {
        try store.apply { SimulatedAuthor.open($0, key: key) }
        return []
    }
}

/// Leaves accepted entries as they are.
struct NoApplier: EntryApplying {
    func apply() throws -> [String] { [] }
}
