// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneRelay
import Synchronization

/// The mailboxes of the device that serves while it pairs; they notice when the other device has seen the end.
package final class LocalMailboxes: Mailboxes {
    private let mailboxes = MemoryMailboxes()
    /// Whether another device has written.
    private let isMet = Atomic(false)
    private let (ends, end) = AsyncStream.makeStream(of: Void.self)

    package init() {}

    /// Returns once the other device knows that its mailbox has ended, or after `limit`; at once if none has written.
    package func untilParted(within limit: Duration = .seconds(3)) async {
        guard isMet.load(ordering: .relaxed) else { return }
        let end = end
        let timer = Task {
            try? await Task.sleep(for: limit)
            end.finish()
        }
        for await _ in ends {}
        timer.cancel()
    }

    package func open(for payer: Payer, claim: String?) async throws -> (nameplate: String, seconds: Int) {
        try await mailboxes.open(for: payer, claim: claim)
    }

    package func append(
        _ message: [UInt8], to nameplate: String, side: MailboxSide, claim: String
    ) async throws {
        try await mailboxes.append(message, to: nameplate, side: side, claim: claim)
        if side == .new { isMet.store(true, ordering: .relaxed) }
    }

    package func read(_ nameplate: String, side: MailboxSide, after: Int) async throws -> MailboxContent {
        try await mailboxes.read(nameplate, side: side, after: after)
    }

    package func burn(_ nameplate: String, claim: String) async throws {
        try await mailboxes.burn(nameplate, claim: claim)
        // The other device burns the code too, once it has read that it is spent.
        if claim != LocalMailbox.claim { end.finish() }
    }

    package func wait(_ nameplate: String, side: MailboxSide, after: Int, seconds: Double) async {
        await mailboxes.wait(nameplate, side: side, after: after, seconds: seconds)
    }
}
