// Attune
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Mailboxes of one process: a restart ends them, and a pairing begins anew with another code.
package final class MemoryMailboxes: Mailboxes {
    private struct Side {
        var claim: String?
        var messages: [[UInt8]] = []
    }
    private struct Mailbox {
        let payer: Payer
        /// Among the shares of those who opened.
        let share: Int
        var sides: [MailboxSide: Side] = [:]
        var burnt = false
        var end: ContinuousClock.Instant
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]

        var bytes: Int {
            sides.values.reduce(MailboxLimits.emptyBytes) { $0 + $1.messages.reduce(0) { $0 + $1.count } }
        }
    }
    private struct State {
        var next = 0
        var mailboxes: [String: Mailbox] = [:]
        var strangers = FairShares(MailboxLimits.strangerBytes)
        var devices = FairShares(MailboxLimits.deviceBytes)

        subscript(shares payer: Payer) -> FairShares {
            get { payer.isDevice ? devices : strangers }
            set { if payer.isDevice { devices = newValue } else { strangers = newValue } }
            _modify { if payer.isDevice { yield &devices } else { yield &strangers } }
        }
    }
    private let state = Mutex(State())
    private let lifetime: Duration

    package init(lifetime: Duration = .seconds(MailboxLimits.seconds)) { self.lifetime = lifetime }

    package func open(for payer: Payer, claim: String?) async throws -> (nameplate: String, seconds: Int) {
        let nameplate = state.withLock { state -> String? in
            let now = ContinuousClock.now
            for (name, box) in state.mailboxes where box.end <= now { Self.remove(name, &state) }
            guard state[shares: payer].count(of: payer) < MailboxLimits.openEach,
                Self.makeRoom(MailboxLimits.emptyBytes, for: payer, &state),
                let name = Nameplate.free(isTaken: { state.mailboxes[$0] != nil })
            else { return nil }
            let share = state[shares: payer].add(MailboxLimits.emptyBytes, for: payer)
            var mailbox = Mailbox(payer: payer, share: share, end: now + lifetime)
            if let claim { mailbox.sides[.old] = Side(claim: claim) }
            state.mailboxes[name] = mailbox
            return name
        }
        guard let nameplate else { throw RelayError.tooMany("pairings at once", retryAfter: 60) }
        return (nameplate, Int(lifetime.components.seconds))
    }

    package func append(
        _ message: [UInt8], to nameplate: String, side: MailboxSide, claim: String
    ) async throws {
        try change(nameplate) { state, mailbox in
            guard !mailbox.burnt else { throw RelayError.noMailbox }
            var own = mailbox.sides[side] ?? Side()
            if let holder = own.claim, holder != claim { throw RelayError.mailboxTaken }
            guard own.messages.count < MailboxLimits.messages else { throw RelayError.mailboxFull }
            // It must not be this one that gives way.
            guard Self.makeRoom(message.count, for: mailbox.payer, &state), state.mailboxes[nameplate] != nil else {
                throw RelayError.busy
            }
            own.claim = claim
            own.messages.append(message)
            mailbox.sides[side] = own
        }
    }

    package func read(_ nameplate: String, side: MailboxSide, after: Int) async throws -> MailboxContent {
        try state.withLock { state in
            guard let mailbox = state.mailboxes[nameplate], mailbox.end > .now else { throw RelayError.noMailbox }
            let messages = mailbox.sides[side]?.messages ?? []
            return MailboxContent(messages: Array(messages.dropFirst(after)), burnt: mailbox.burnt)
        }
    }

    package func burn(_ nameplate: String, claim: String) async throws {
        try change(nameplate) { _, mailbox in
            guard mailbox.sides.values.contains(where: { $0.claim == claim }) else { throw RelayError.mailboxTaken }
            mailbox.burnt = true
            for side in mailbox.sides.keys { mailbox.sides[side]?.messages = [] }
            mailbox.end = min(mailbox.end, .now + .seconds(MailboxLimits.burntSeconds))
        }
    }

    private func change(_ nameplate: String, _ body: (inout State, inout Mailbox) throws -> Void) throws {
        let waiting = try state.withLock { state in
            guard var mailbox = state.mailboxes[nameplate], mailbox.end > .now else { throw RelayError.noMailbox }
            try body(&state, &mailbox)
            state.mailboxes[nameplate] = mailbox
            state[shares: mailbox.payer].change(mailbox.share, to: mailbox.bytes)
            return Array(mailbox.waiting.values)
        }
        for waiter in waiting { waiter.yield() }
    }

    /// Ends mailboxes of those who have most until so many bytes more fit; false if nobody has more than this payer.
    private static func makeRoom(_ bytes: Int, for payer: Payer, _ state: inout State) -> Bool {
        while state[shares: payer].used + bytes > state[shares: payer].capacity {
            guard let share = state[shares: payer].giver(for: payer, weight: bytes),
                let name = state.mailboxes.first(where: {
                    $0.value.share == share && $0.value.payer.isDevice == payer.isDevice
                })?.key
            else { return false }
            remove(name, &state)
        }
        return true
    }

    private static func remove(_ name: String, _ state: inout State) {
        guard let mailbox = state.mailboxes.removeValue(forKey: name) else { return }
        state[shares: mailbox.payer].remove(mailbox.share)
        for waiter in mailbox.waiting.values { waiter.finish() }
    }

    package func wait(_ nameplate: String, side: MailboxSide, after: Int, seconds: Double) async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state -> Int? in
            guard let mailbox = state.mailboxes[nameplate], !mailbox.burnt,
                mailbox.sides[side]?.messages.count ?? 0 <= after
            else { return nil }
            state.next += 1
            state.mailboxes[nameplate]?.waiting[state.next] = continuation
            return state.next
        }
        guard let number else { return }
        let timer = Task {
            try? await Task.sleep(for: .seconds(seconds))
            continuation.finish()
        }
        for await _ in stream { break }
        timer.cancel()
        state.withLock { _ = $0.mailboxes[nameplate]?.waiting.removeValue(forKey: number) }
    }
}

/// Names of mailboxes.
enum Nameplate {
    /// A free one of three or four digits, any as likely as another: who looks through them finds few.
    static func free(isTaken: (String) -> Bool) -> String? {
        for _ in 0..<16 {
            let name = String(Int.random(in: 100...9999))
            if !isTaken(name) { return name }
        }
        return (100...9999).lazy.map(String.init).first { !isTaken($0) }
    }

    /// One to four digits.
    static func isValid(_ text: some StringProtocol) -> Bool {
        (1...4).contains(text.utf8.count) && text.utf8.allSatisfy { (48...57).contains($0) }
    }
}
