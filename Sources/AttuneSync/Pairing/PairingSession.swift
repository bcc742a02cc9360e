// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire
import SwiftProtobuf

/// Takes one side of pairing through a mailbox from the first message to the last.
///
/// Whatever fails, on either side, burns the code.
package struct PairingSession: Sendable {
    /// How long a code is good, from the moment it is shown.
    package static let lifetime = Duration.seconds(600)

    private let mailbox: any Mailbox
    private let deadline: ContinuousClock.Instant

    /// - Parameter deadline: when the code ends.
    package init(mailbox: any Mailbox, deadline: ContinuousClock.Instant = .now + lifetime) {
        self.mailbox = mailbox
        self.deadline = deadline
    }

    /// Old side: admits the device that knows the code; who it was.
    ///
    /// - Throws: `PairingError`, or what `host` or the mailbox throws.
    package func admit(code: PairingCode, authority: String?, host: some PairingHost) async throws -> ProtoPairingAnswer
    {
        var talk = Talk(flow: PairingFlow(side: .old, code: code, authority: authority, record: host.record), self)
        do {
            let words = try await talk.agree()
            try await host.show(words)
            try await talk.send(
                talk.flow.offer(
                    circle: host.chain.circle, seq: host.chain.seq, link: host.chain.head, name: host.name))
            guard case .answered(let answer) = try await talk.next() else { throw PairingError.abandoned }
            try await host.confirm(answer)
            let welcome = try await host.admit(answer)
            try await talk.send(
                talk.flow.welcome(links: welcome.links, relay: welcome.relay, bases: welcome.bases))
            // The device is in the circle from here on; whether it says so changes nothing.
            _ = try? await talk.next()
            await mailbox.burn()
            return answer
        } catch {
            await mailbox.burn()
            throw error
        }
    }

    /// New side: joins the circle of the device that shows the code.
    ///
    /// - Throws: `PairingError`, `WireError` for a chain that does not hold, or what `guest` or the mailbox throws.
    package func join(code: PairingCode, authority: String?, guest: some PairingGuest) async throws -> DeviceChain {
        let record = guest.keys.publicKeys.record
        var talk = Talk(flow: PairingFlow(side: .new, code: code, authority: authority, record: record), self)
        do {
            let words = try await talk.agree()
            guard case .offered(let offer) = try await talk.next() else { throw PairingError.abandoned }
            guard let circle = CircleID(offer.circle), let link = LinkHash(offer.link) else {
                throw PairingError.badMessage("the offer is malformed")
            }
            try await guest.confirm(words, offer)
            try await talk.send(
                talk.flow.answer(
                    counterSignature: guest.keys.counterSignature(joining: circle, after: link), name: guest.name))
            guard case .welcomed(let welcome) = try await talk.next() else { throw PairingError.abandoned }
            let links =
                welcome.links.isEmpty
                ? try await guest.links(of: circle)
                : try welcome.links.map { try $0.serializedBytes() as [UInt8] }
            let chain = try Self.verify(links, offer: offer, own: record)
            try await guest.keep(chain, links, welcome)
            // This device has everything; if the other one never hears of it, it still is in the circle.
            try? await talk.send(talk.flow.done(link: chain.head))
            return chain
        } catch {
            await mailbox.burn()
            throw error
        }
    }

    /// The chain from its genesis to the link that added this device.
    static func verify(
        _ links: [[UInt8]], offer: ProtoPairingOffer, own: ProtoDeviceRecord
    ) throws -> DeviceChain {
        let chain = try DeviceChain(verifying: links)
        guard chain.circle == CircleID(offer.circle) else {
            throw PairingError.badCircle("its first link is another one than was offered")
        }
        guard offer.linkSeq >= 1, offer.linkSeq < UInt64(links.count) else {
            throw PairingError.badCircle("links are missing")
        }
        let offered = try Link(parsing: links[Int(offer.linkSeq) - 1])
        guard offered.hash == LinkHash(offer.link) else {
            throw PairingError.badCircle("it does not hold the link that was offered")
        }
        guard let sponsor = chain.devices[DeviceID(offer.device)], sponsor.isActive, !sponsor.isPaper else {
            throw PairingError.badCircle("the other device is not in it")
        }
        guard let me = chain.devices[DeviceID(own)], me.isActive, me.record == own, me.addedAt > offer.linkSeq else {
            throw PairingError.badCircle("this device is not in it")
        }
        guard chain.envelopes[me.id] != nil else { throw PairingError.badCircle("there is no key for this device") }
        return chain
    }
}

extension PairingSession {
    /// A flow together with the mailbox it talks through.
    private struct Talk: ~Copyable {
        var flow: PairingFlow
        private let mailbox: any Mailbox
        private let deadline: ContinuousClock.Instant
        private var received: [[UInt8]] = []
        private var taken = 0

        init(flow: consuming PairingFlow, _ session: PairingSession) {
            self.flow = flow
            mailbox = session.mailbox
            deadline = session.deadline
        }

        /// Phases 1 to 3: the words that both screens must show.
        mutating func agree() async throws -> [String] {
            try await send(flow.opening())
            while true { if case .agreed(let words) = try await next() { return words } }
        }

        func send(_ message: [UInt8]) async throws { try await mailbox.leave(message) }

        /// Answers messages until one brings something.
        mutating func next() async throws -> PairingEvent {
            while true {
                let (answer, event) = try flow.receive(await message())
                if let answer { try await send(answer) }
                if let event { return event }
            }
        }

        private mutating func message() async throws -> [UInt8] {
            while taken >= received.count {
                guard ContinuousClock.now < deadline else { throw PairingError.expired }
                let page = try await mailbox.take(after: received.count, until: deadline)
                received += page.messages
                guard received.count <= WireLimits.pairingMessages else {
                    throw PairingError.badMessage("there are too many messages")
                }
                if page.messages.isEmpty, page.isBurnt {
                    // Whoever finds the code wrong burns it at once, so the other side never gets to see the proof.
                    throw flow.isProving ? PairingError.wrongCode : PairingError.abandoned
                }
            }
            taken += 1
            return received[taken - 1]
        }
    }
}
