// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneWire
import Foundation
import Synchronization
import Testing

/// A twentieth of what `attune-bench relay --hostile` does, at the usual limits.
@Suite("A relay under attack", .serialized) struct HostileRelayTests {
    @Test(
        "the relay lives, stays small, and another circle's pushes get through", arguments: RelayAttack.all.map(\.name))
    func attack(_ name: String) async throws {
        let attack = try #require(RelayAttack.all.first { $0.name == name })
        let relay = try RelayProcess(limits: true, options: ["--circles-per-hour", "1000"])
        let pusher = try await RelayPusher(relay)
        let isOver = Atomic(false)
        async let times = pusher.run(perSecond: 8) { isOver.load(ordering: .relaxed) }
        let counts = try await attack.run(relay.address, 0.05, 2)
        isOver.store(true, ordering: .relaxed)
        let sorted = try await times
        #expect(relay.process.poll() == nil, "\(relay.log)")
        #expect(pusher.problems == [])
        // Tests run beside each other, in one process with this.
        let isStrict = ProcessInfo.processInfo.environment["ATTUNE_STRICT_TIMES"] != nil
        let worst = try #require(sorted.last)
        #expect(worst < (isStrict ? 0.2 : 40), "\(sorted.suffix(3)) \(counts)")
        let peak = ProcessUsage(relay.process.id).peakBytes
        try #require(peak > 0)
        #expect(peak < 200 << 20, "\(counts)")
        if name == "mailboxes" {
            #expect(counts["honest_met"] ?? 0 > 0, "\(counts)")
            #expect(counts["honest_without_mailbox"] == nil, "\(counts)")
            #expect(counts["burnt_by_sweep"] == nil, "\(counts)")
        }
    }
}
