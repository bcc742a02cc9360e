// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
internal import Foundation

/// Sizes, counts and order of a link's fields.
extension Link {
    /// Bytes of a sealed name: nonce 24, 64 padded, tag 16.
    package static let sealedNameBytes = 104
    /// Bytes of an envelope: encapsulated key 1120, key 32, tag 16.
    package static let envelopeBytes = 1168
    /// Bytes of the previous epoch's key under the next one: nonce 24, key 32, tag 16.
    package static let sealedPreviousBytes = 72
    /// Bytes of an X-Wing public key.
    package static let sealingKeyBytes = 1216

    func checkShape() throws {
        switch body.payload {
        case .genesis(let genesis):
            guard genesis.hasDevice, genesis.hasEpochKeys else {
                throw WireError.link("parts of a genesis are missing")
            }
            try Self.check(genesis.device)
            if genesis.hasPaper { try Self.check(genesis.paper) }
            try Self.check(genesis.epochKeys)
            try Self.check(name: genesis.sealedName)
        case .add(let add):
            guard add.hasDevice, add.counterSignature.count == 64 else { throw WireError.link("parts of an addition") }
            try Self.check(add.device)
            try Self.check(name: add.sealedName)
        case .revoke(let revoke):
            guard (1...WireLimits.envelopes).contains(revoke.revocations.count), revoke.hasEpochKeys else {
                throw WireError.link("parts of a revocation")
            }
            for revocation in revoke.revocations {
                guard revocation.device.count == 16, revocation.lastSeq <= WireLimits.counter,
                    revocation.lastEntry.count == (revocation.lastSeq == 0 ? 0 : 32)
                else { throw WireError.link("a revocation") }
            }
            guard Self.isAscending(revoke.revocations.map(\.device)) else {
                throw WireError.link("the order of revocations")
            }
            switch (revoke.secondSigner.count, revoke.secondSignature.count) {
            case (0, 0), (16, 64): break
            default: throw WireError.link("the second signature")
            }
            try Self.check(revoke.epochKeys)
        case .replaceWords(let replace):
            guard replace.hasPaper, replace.paper.paper, replace.counterSignature.count == 64, replace.hasEpochKeys,
                replace.secondSigner.count == 16, replace.secondSignature.count == 64
            else { throw WireError.link("parts of new recovery words") }
            try Self.check(replace.paper)
            try Self.check(replace.epochKeys)
        case .epochKeys(let keys):
            try Self.check(keys)
        case .rename(let rename):
            guard rename.device.count == 16 else { throw WireError.link("the device of a new name") }
            try Self.check(name: rename.sealedName)
        case nil:
            throw WireError.link("no content")
        }
    }

    /// Whether the keys of a device have the lengths they should have.
    static func isRecord(_ record: ProtoDeviceRecord) -> Bool {
        record.signingKey.count == 32 && record.sealingKey.count == sealingKeyBytes
            && record.tlsKeyHash.count == (record.paper ? 0 : 32)
    }

    private static func check(_ record: ProtoDeviceRecord) throws {
        guard isRecord(record) else { throw WireError.link("the keys of a device") }
    }

    private static func check(_ keys: ProtoEpochKeys) throws {
        guard keys.epoch >= 1, UInt64(keys.epoch) <= WireLimits.links,
            (1...WireLimits.envelopes).contains(keys.envelopes.count),
            keys.sealedPrevious.count == (keys.epoch == 1 ? 0 : sealedPreviousBytes)
        else { throw WireError.link("the keys of an epoch") }
        for envelope in keys.envelopes {
            guard envelope.device.count == 16, envelope.sealed.count == envelopeBytes else {
                throw WireError.link("an envelope")
            }
        }
        guard isAscending(keys.envelopes.map(\.device)) else { throw WireError.link("the order of envelopes") }
    }

    private static func check(name: Data) throws {
        guard name.count == sealedNameBytes else { throw WireError.link("a sealed name") }
    }

    /// Whether every item is greater than the one before, byte by byte.
    static func isAscending(_ items: [Data]) -> Bool {
        zip(items, items.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) }
    }
}
