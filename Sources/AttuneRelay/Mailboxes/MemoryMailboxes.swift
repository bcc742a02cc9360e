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
        var sides: [MailboxSide: Side] = [:]
        var burnt = false
        let end: ContinuousClock.Instant
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
    }
    private struct State {
        var next = 0
        var mailboxes: [String: Mailbox] = [:]
    }
    private let state = Mutex(State())
    private let lifetime: Duration

    package init(lifetime: Duration = .seconds(MailboxLimits.seconds)) { self.lifetime = lifetime }

    package func open() async throws -> (nameplate: String, seconds: Int) {
        let nameplate = state.withLock { state -> String? in
            let now = ContinuousClock.now
            for (name, box) in state.mailboxes where box.end <= now {
                for waiter in box.waiting.values { waiter.finish() }
                state.mailboxes[name] = nil
            }
            guard state.mailboxes.count < MailboxLimits.open else { return nil }
            guard let name = Nameplate.free(isTaken: { state.mailboxes[$0] != nil }) else { return nil }
            state.mailboxes[name] = Mailbox(end: now + lifetime)
            return name
        }
        guard let nameplate else { throw RelayError.tooMany("pairings at once", retryAfter: 60) }
        return (nameplate, Int(lifetime.components.seconds))
    }

    package func append(
        _ message: [UInt8], to nameplate: String, side: MailboxSide, claim: String
    ) async throws {
        try change(nameplate) { mailbox in
            guard !mailbox.burnt else { throw RelayError.noMailbox }
            var own = mailbox.sides[side] ?? Side()
            if let holder = own.claim, holder != claim { throw RelayError.mailboxTaken }
            guard own.messages.count < MailboxLimits.messages else { throw RelayError.mailboxFull }
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

    package func burn(_ nameplate: String, claim: String?) async throws {
        try change(nameplate) { mailbox in
            let claims = MailboxSide.allCases.compactMap { mailbox.sides[$0]?.claim }
            guard claims.count < 2 || claims.contains(where: { $0 == claim }) else { throw RelayError.mailboxTaken }
            mailbox.burnt = true
            mailbox.sides = [:]
        }
    }

    private func change(_ nameplate: String, _ body: (inout Mailbox) throws -> Void) throws {
        let waiting = try state.withLock { state in
            guard var mailbox = state.mailboxes[nameplate], mailbox.end > .now else { throw RelayError.noMailbox }
            try body(&mailbox)
            state.mailboxes[nameplate] = mailbox
            return Array(mailbox.waiting.values)
        }
        for waiter in waiting { waiter.yield() }
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

/// Names of mailboxes: short while few are open.
enum Nameplate {
    /// A free name, random among those of the shortest length that has many free ones.
    static func free(isTaken: (String) -> Bool) -> String? {
        for digits in 1...4 {
            let range =
                digits == 1
                ? 1...9
                : Int(digits == 2 ? 10 : digits == 3 ? 100 : 1000)...(digits == 2 ? 99 : digits == 3 ? 999 : 9999)
            for _ in 0..<8 {
                let name = String(Int.random(in: range))
                if !isTaken(name) { return name }
            }
        }
        return (1000...9999).lazy.map(String.init).first { !isTaken($0) }
    }

    /// One to four digits.
    static func isValid(_ text: some StringProtocol) -> Bool {
        (1...4).contains(text.utf8.count) && text.utf8.allSatisfy { (48...57).contains($0) }
    }
}
