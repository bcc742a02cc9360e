// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
internal import Foundation
internal import SwiftProtobuf

extension ProtoPairingMessage {
    /// Parses a message of a pairing mailbox; the one who reads it says which phase is due.
    ///
    /// - Throws: `WireError` E-WIRE-003 (too large), E-WIRE-004 (another version), E-WIRE-030 (malformed).
    package init(parsing bytes: [UInt8]) throws {
        guard bytes.count <= WireLimits.pairingBytes else {
            throw WireError.tooLarge("a pairing message", limit: WireLimits.pairingBytes)
        }
        guard let message = ProtoPairingMessage(canonical: bytes) else { throw WireError.pairing("no message") }
        guard message.version == 1 else { throw WireError.unknownVersion("a pairing message") }
        switch message.phase {
        case .nonce(let nonce):
            guard nonce.count == 16 else { throw WireError.pairing("its random bytes") }
        case .share(let share):
            guard share.point.count == 32, share.associatedData.count == 32 else {
                throw WireError.pairing("its share")
            }
        case .confirmation(let confirmation):
            guard confirmation.count == 64 else { throw WireError.pairing("its confirmation") }
        case .sealed(let sealed):
            guard sealed.count >= 40 else { throw WireError.pairing("its sealed part") }
        case nil: throw WireError.pairing("no content")
        }
        self = message
    }
}

extension ProtoPairingOffer {
    /// Parses the offer of the old device.
    ///
    /// - Throws: `WireError` E-WIRE-030.
    package init(parsing bytes: [UInt8]) throws {
        guard bytes.count <= WireLimits.pairingBytes, let offer = ProtoPairingOffer(canonical: bytes),
            offer.circle.count == 32, offer.link.count == 32, (1...WireLimits.links).contains(offer.linkSeq),
            offer.hasDevice, Link.isRecord(offer.device), !offer.device.paper,
            ProtoEntryPayload.isName(offer.deviceName), offer.deviceName.utf8.count <= WireLimits.deviceNameBytes
        else { throw WireError.pairing("an offer") }
        self = offer
    }
}

extension ProtoPairingAnswer {
    /// Parses the answer of the new device.
    ///
    /// - Throws: `WireError` E-WIRE-030.
    package init(parsing bytes: [UInt8]) throws {
        guard bytes.count <= WireLimits.pairingBytes, let answer = ProtoPairingAnswer(canonical: bytes),
            answer.counterSignature.count == 64, answer.hasDevice, Link.isRecord(answer.device), !answer.device.paper,
            ProtoEntryPayload.isName(answer.deviceName), answer.deviceName.utf8.count <= WireLimits.deviceNameBytes
        else { throw WireError.pairing("an answer") }
        self = answer
    }
}

extension ProtoPairingDone {
    /// Parses the new device's last word.
    ///
    /// - Throws: `WireError` E-WIRE-030.
    package init(parsing bytes: [UInt8]) throws {
        guard let done = ProtoPairingDone(canonical: bytes), done.link.count == 32 else {
            throw WireError.pairing("the last one")
        }
        self = done
    }
}

extension ProtoPairingWelcome {
    /// Parses the old device's welcome; the links in it are for `DeviceChain` to verify.
    ///
    /// A welcome of a long chain does not fit into one message: it then has the first links only, and the rest is
    /// fetched from the relay and verified against the newest link's hash of the offer.
    ///
    /// - Throws: `WireError` E-WIRE-030.
    package init(parsing bytes: [UInt8]) throws {
        guard bytes.count <= WireLimits.pushBytes, let welcome = ProtoPairingWelcome(canonical: bytes),
            UInt64(welcome.links.count) <= WireLimits.links, welcome.relay.utf8.count <= 1024,
            welcome.bases.count <= 64,
            welcome.bases.allSatisfy({ $0.digest.count == 32 && ProtoEntryPayload.isName($0.name) })
        else { throw WireError.pairing("a welcome") }
        self = welcome
    }
}
