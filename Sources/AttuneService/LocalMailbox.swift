// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneRelay
import AttuneSync

/// The mailbox of the device that serves, which writes to it without a network.
package struct LocalMailbox: Mailbox {
    private let mailboxes: any Mailboxes
    package let nameplate: String
    static let claim = "local"

    /// Opens one.
    package init(_ mailboxes: any Mailboxes) async throws {
        self.mailboxes = mailboxes
        nameplate = try await mailboxes.open(for: .here, claim: Self.claim).nameplate
    }

    package func leave(_ message: [UInt8]) async throws {
        do {
            try await mailboxes.append(message, to: nameplate, side: .old, claim: Self.claim)
        } catch {
            throw PairingError.abandoned
        }
    }

    package func take(after count: Int, until deadline: ContinuousClock.Instant) async throws -> MailboxMessages {
        let seconds = max(0, min(25, (deadline - .now).seconds))
        await mailboxes.wait(nameplate, side: .new, after: count, seconds: seconds)
        guard let content = try? await mailboxes.read(nameplate, side: .new, after: count) else {
            throw PairingError.expired
        }
        return MailboxMessages(messages: content.messages, isBurnt: content.burnt)
    }

    package func burn() async { try? await mailboxes.burn(nameplate, claim: Self.claim) }
}
