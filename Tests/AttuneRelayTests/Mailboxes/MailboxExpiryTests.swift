// Attune
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AttuneRelay

/// A relay keeps a mailbox for as long as a code is good.
@Suite struct MailboxExpiryTests {
    @Test("a mailbox whose time is over takes and gives nothing, and its nameplate is free again")
    func ends() async throws {
        let mailboxes = MemoryMailboxes(lifetime: .milliseconds(200))
        let claim = String(repeating: "a", count: 32)
        let (nameplate, _) = try await mailboxes.open(for: .here, claim: nil)
        try await mailboxes.append([1], to: nameplate, side: .old, claim: claim)
        #expect(try await mailboxes.read(nameplate, side: .old, after: 0).messages == [[1]])
        try await Task.sleep(for: .milliseconds(250))
        for body in [
            { _ = try await mailboxes.read(nameplate, side: .old, after: 0) },
            { try await mailboxes.append([2], to: nameplate, side: .new, claim: claim) },
        ] as [@Sendable () async throws -> Void] {
            await #expect(throws: RelayError.self) { try await body() }
        }
        #expect(MailboxLimits.seconds == 600)
    }
}
