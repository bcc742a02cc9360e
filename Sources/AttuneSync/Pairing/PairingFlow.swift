// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire
import Foundation
import SwiftProtobuf

/// One side of pairing as a pure state machine: bytes in, bytes and events out, no clock and no network.
///
/// Messages go in phases (`schemas/attune/v1/pairing.proto`): nonces, CPace shares, key confirmations, then the offer
/// of the old device, the answer of the new one, the welcome and the end. Anything out of that order, changed, cut or
/// repeated fails, and after a failure nothing is accepted any more: a code is good for one guess.
package struct PairingFlow: ~Copyable {
    /// What is awaited.
    private enum Stage: Equatable {
        case nonce, share, confirmation
        /// A sealed message of this phase.
        case sealed(UInt8)
        /// Nothing: this side has to make the message of this phase.
        case turn(UInt8)
        case over
    }

    let side: PairingSide
    private let code: PairingCode
    private let authority: String?
    /// What is sealed for the other side later, and committed to in the share.
    private let record: ProtoDeviceRecord
    private let nonce: [UInt8]
    private var stage = Stage.nonce
    private var exchange: CPace?
    private var session: CPaceSession?
    private var channel: PairingChannel?
    /// What the other side committed to.
    private var commitment: [UInt8] = []

    /// - Parameters:
    ///   - code: as both people know it.
    ///   - authority: the relay's, or nil on the local network: the code is good there only.
    ///   - record: this device's public keys.
    package init(side: PairingSide, code: PairingCode, authority: String?, record: ProtoDeviceRecord) {
        self.side = side
        self.code = code
        self.authority = authority
        self.record = record
        nonce = SecretBytes(random: 16).withUnsafeBytes { Array($0) }
    }

    /// The first message, which both sides send without waiting.
    package func opening() throws -> [UInt8] { try Self.message(.nonce(Data(nonce))) }

    /// Whether nothing more is to be received or made.
    package var isOver: Bool { stage == .over }

    /// Whether only the proof that both sides know the same code is awaited.
    package var isProving: Bool { stage == .confirmation }

    /// Takes the next message of the other side; what to send in answer, and what it brought.
    ///
    /// - Throws: `PairingError` E-PAIR-001 (another code), E-PAIR-002 (anything that should not be there).
    package mutating func receive(_ bytes: [UInt8]) throws -> (answer: [UInt8]?, event: PairingEvent?) {
        // Whatever is thrown below, the flow stays over.
        let stage = self.stage
        self.stage = .over
        guard let message = try? ProtoPairingMessage(parsing: bytes) else {
            throw PairingError.badMessage("a message is malformed")
        }
        switch (stage, message.phase) {
        case (.nonce, .nonce(let other)):
            return (try share(other: Array(other)), nil)
        case (.share, .share(let point)):
            return (try confirm(point), nil)
        case (.confirmation, .confirmation(let tag)):
            return (nil, try agree(Array(tag)))
        case (.sealed(let phase), .sealed(let sealed)):
            return (nil, try open(Array(sealed), phase: phase))
        default:
            throw PairingError.badMessage("a message came out of order")
        }
    }

    // MARK: Phases 1 to 3

    private mutating func share(other: [UInt8]) throws -> [UInt8] {
        // An equal nonce is the own message sent back.
        guard other.count == 16, other != nonce else { throw PairingError.badMessage("a nonce is not one") }
        let session = side == .old ? nonce + other : other + nonce
        let exchange = CPace(
            role: side == .old ? .initiator : .responder, password: code.password,
            context: code.context(authority: authority), sessionID: session,
            associatedData: Self.commitment(to: record, of: side))
        var point = ProtoPairingMessage.Point()
        point.point = Data(exchange.share)
        point.associatedData = Data(exchange.associatedData)
        self.exchange = consume exchange
        stage = .share
        return try Self.message(.share(point))
    }

    private mutating func confirm(_ point: ProtoPairingMessage.Point) throws -> [UInt8] {
        guard let exchange = exchange.take(), point.point.count == 32, point.associatedData.count == 32 else {
            throw PairingError.badMessage("a share is not one")
        }
        commitment = Array(point.associatedData)
        do {
            let session = try exchange.finish(share: Array(point.point), associatedData: commitment)
            let tag = session.confirmation
            self.session = consume session
            stage = .confirmation
            return try Self.message(.confirmation(Data(tag)))
        } catch is CryptoError {
            throw PairingError.badMessage("a share is not a point")
        }
    }

    private mutating func agree(_ tag: [UInt8]) throws -> PairingEvent {
        guard let session = session.take(), let channel = try? session.confirm(tag) else {
            throw PairingError.wrongCode
        }
        self.channel = channel
        stage = side == .old ? .turn(4) : .sealed(4)
        return .agreed(words: channel.checkWords.words)
    }

    // MARK: Phases 4 to 7

    private mutating func open(_ sealed: [UInt8], phase: UInt8) throws -> PairingEvent {
        guard let bytes = try? channel?.open(sealed, phase: phase) else {
            throw PairingError.badMessage("a message was changed on the way")
        }
        switch phase {
        case 4:
            guard let offer = try? ProtoPairingOffer(parsing: bytes) else {
                throw PairingError.badMessage("the offer is malformed")
            }
            try requireCommitted(offer.device)
            stage = .turn(5)
            return .offered(offer)
        case 5:
            guard let answer = try? ProtoPairingAnswer(parsing: bytes) else {
                throw PairingError.badMessage("the answer is malformed")
            }
            try requireCommitted(answer.device)
            stage = .turn(6)
            return .answered(answer)
        case 6:
            guard let welcome = try? ProtoPairingWelcome(parsing: bytes) else {
                throw PairingError.badMessage("the welcome is malformed")
            }
            stage = .turn(7)
            return .welcomed(welcome)
        default:
            guard let done = try? ProtoPairingDone(parsing: bytes), let link = LinkHash(done.link) else {
                throw PairingError.badMessage("the end is malformed")
            }
            return .finished(link)
        }
    }

    /// Old side, phase 4: the circle that is offered.
    package mutating func offer(circle: CircleID, seq: UInt64, link: LinkHash, name: String) throws -> [UInt8] {
        var offer = ProtoPairingOffer()
        offer.circle = Data(circle.bytes)
        offer.linkSeq = seq
        offer.link = Data(link.bytes)
        offer.device = record
        offer.deviceName = name
        return try seal(offer, phase: 4)
    }

    /// New side, phase 5: who wants to join.
    ///
    /// - Parameter counterSignature: over the circle, this device and the link that the offer named.
    package mutating func answer(counterSignature: [UInt8], name: String) throws -> [UInt8] {
        var answer = ProtoPairingAnswer()
        answer.device = record
        answer.deviceName = name
        answer.counterSignature = Data(counterSignature)
        return try seal(answer, phase: 5)
    }

    /// Old side, phase 6: the circle with the new device in it.
    ///
    /// Links that do not fit a message are left out; the new device asks the relay or the old device for them.
    package mutating func welcome(
        links: [ProtoSignedLink], relay: String?, bases: [ProtoPairingWelcome.BaseHint]
    ) throws -> [UInt8] {
        var welcome = ProtoPairingWelcome()
        welcome.relay = relay ?? ""
        // A hint that the other side would refuse is worth less than the pairing.
        welcome.bases = Array(bases.filter { ProtoEntryPayload.isName($0.name) }.prefix(32))
        welcome.links = links
        // The seal and the envelope around it take 80 bytes at most.
        let bytes: [UInt8] = try welcome.serializedBytes()
        if bytes.count > WireLimits.pairingBytes - 80 { welcome.links = [] }
        return try seal(welcome, phase: 6)
    }

    /// New side, phase 7: the chain is verified and kept.
    package mutating func done(link: LinkHash) throws -> [UInt8] {
        var done = ProtoPairingDone()
        done.link = Data(link.bytes)
        return try seal(done, phase: 7)
    }

    private mutating func seal(_ message: some Message, phase: UInt8) throws -> [UInt8] {
        guard stage == .turn(phase), let sealed = try channel?.seal(message.serializedBytes(), phase: phase) else {
            stage = .over
            throw PairingError.badMessage("it is not this device's turn")
        }
        stage = phase == 7 ? .over : .sealed(phase + 1)
        return try Self.message(.sealed(Data(sealed)))
    }

    private static func message(_ phase: ProtoPairingMessage.OneOf_Phase) throws -> [UInt8] {
        var message = ProtoPairingMessage()
        message.version = 1
        message.phase = phase
        return try message.serializedBytes()
    }

    /// The other side cannot show another record than the one it had before it knew anything of the secret.
    private func requireCommitted(_ record: ProtoDeviceRecord) throws {
        guard Self.commitment(to: record, of: side.other) == commitment else {
            throw PairingError.badMessage("the other device's keys are not those it announced")
        }
    }

    private static func commitment(to record: ProtoDeviceRecord, of side: PairingSide) -> [UInt8] {
        let bytes: [UInt8] = (try? record.serializedBytes()) ?? []
        return BLAKE2b.hash([side.rawValue] + bytes).bytes
    }
}
