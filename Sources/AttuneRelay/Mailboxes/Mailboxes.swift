// Attune
// SPDX-License-Identifier: Apache-2.0

/// The two ends of a pairing mailbox.
package enum MailboxSide: String, Hashable, Sendable, CaseIterable {
    case old
    case new
}

/// What one side has written so far.
package struct MailboxContent: Hashable, Sendable {
    package let messages: [[UInt8]]
    /// Somebody ended the pairing: nothing more will come.
    package let burnt: Bool

    package init(messages: [[UInt8]], burnt: Bool) {
        self.messages = messages
        self.burnt = burnt
    }
}

/// Short-lived mailboxes by which two devices pair that do not know each other yet.
package protocol Mailboxes: Sendable {
    /// Opens one under a free nameplate of one to four digits, as short as possible.
    ///
    /// - Throws: `RelayError.tooMany` where too many are open.
    func open() async throws -> (nameplate: String, seconds: Int)

    /// Appends a message to a side, which the first claim holds from then on.
    ///
    /// - Throws: `RelayError.noMailbox`, `.mailboxTaken`, `.mailboxFull`.
    func append(_ message: [UInt8], to nameplate: String, side: MailboxSide, claim: String) async throws

    /// The messages of a side from number `after` on.
    ///
    /// - Throws: `RelayError.noMailbox`.
    func read(_ nameplate: String, side: MailboxSide, after: Int) async throws -> MailboxContent

    /// Ends the mailbox; its messages go, and whoever reads learns that it is burnt.
    ///
    /// - Throws: `RelayError.mailboxTaken` where both sides are held, and by other claims than this.
    func burn(_ nameplate: String, claim: String?) async throws

    /// Returns when `side` has more than `after` messages or the mailbox ends, or after `seconds`.
    func wait(_ nameplate: String, side: MailboxSide, after: Int, seconds: Double) async
}

/// How much a mailbox holds and how long.
package enum MailboxLimits {
    /// Bytes of a message.
    package static let messageBytes = 16 << 10
    /// Messages of each side.
    package static let messages = 8
    /// Seconds from opening to the end.
    package static let seconds = 600
    /// Mailboxes open at once.
    package static let open = 9000
}
