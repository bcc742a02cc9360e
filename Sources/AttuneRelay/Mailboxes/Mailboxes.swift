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
    /// Opens one under a free nameplate of three or four digits, chosen at random.
    ///
    /// - Parameters:
    ///   - payer: who it is counted for; if there are too many, the circle or network that has most loses its oldest.
    ///   - claim: holds the old side from now on; without one, the first that writes there does.
    /// - Throws: `RelayError.tooMany` where the payer has as many open as it may, or nobody has more than it.
    func open(for payer: Payer, claim: String?) async throws -> (nameplate: String, seconds: Int)

    /// Appends a message to a side, which the first claim holds from then on.
    ///
    /// - Throws: `RelayError.noMailbox`, `.mailboxTaken`, `.mailboxFull`.
    func append(_ message: [UInt8], to nameplate: String, side: MailboxSide, claim: String) async throws

    /// The messages of a side from number `after` on.
    ///
    /// - Throws: `RelayError.noMailbox`.
    func read(_ nameplate: String, side: MailboxSide, after: Int) async throws -> MailboxContent

    /// Ends the mailbox; its messages go, and whoever reads within a minute learns that it is burnt.
    ///
    /// - Throws: `RelayError.mailboxTaken` unless the claim holds a side.
    func burn(_ nameplate: String, claim: String) async throws

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
    /// Seconds for which a burnt one says that it is.
    package static let burntSeconds = 60
    /// Mailboxes that an address, or a device, has open at once.
    package static let openEach = 5
    /// Bytes that a mailbox counts for before it has any message.
    package static let emptyBytes = 2 << 10
    /// Bytes of all mailboxes that addresses have opened, which bounds their number to 6,144.
    package static let strangerBytes = 12 << 20
    /// Bytes of all mailboxes that devices of circles have opened: 2,048 that strangers cannot take.
    package static let deviceBytes = 4 << 20
}
