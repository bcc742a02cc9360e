// Attune
// SPDX-License-Identifier: Apache-2.0

/// Where two devices leave messages for each other while they pair: at a relay, or at one of them on the local network.
///
/// It is trusted with nothing: whoever runs it can only drop messages, or spend its one guess at the code.
package protocol Mailbox: Sendable {
    /// Adds a message of the own side after those it left before.
    func leave(_ message: [UInt8]) async throws
    /// The messages of the other side after the first `count`, waiting for some until `deadline`.
    func take(after count: Int, until deadline: ContinuousClock.Instant) async throws -> MailboxMessages
    /// Ends the code for both sides; failures do not matter, the mailbox goes by itself in the end.
    func burn() async
}

/// What a mailbox holds of the other side.
package struct MailboxMessages: Sendable {
    /// In the order in which they were left.
    package let messages: [[UInt8]]
    /// The other side has ended the code; nothing follows.
    package let isBurnt: Bool

    package init(messages: [[UInt8]], isBurnt: Bool) {
        self.messages = messages
        self.isBurnt = isBurnt
    }
}
