// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneSync
import AttuneWire
import Foundation
import Testing

/// The rules of sync under drops, duplicates, reordering, partitions, crashes, restores, wrong clocks and revocations.
@Suite struct SimulationTests {
    static let isSlow = ProcessInfo.processInfo.environment["ATTUNE_TEST_SLOW"] == "1"
    /// `ATTUNE_SIMULATION_SEED=N` runs one simulation again.
    static let one = ProcessInfo.processInfo.environment["ATTUNE_SIMULATION_SEED"].flatMap { UInt64($0) }

    static func check(_ seeds: Range<UInt64>) {
        for seed in seeds {
            do {
                try Simulation(seed: seed).run()
            } catch {
                Issue.record("seed \(seed) (ATTUNE_SIMULATION_SEED=\(seed)): \(error)")
            }
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func rulesHoldForTwoHundredSeeds(block: UInt64) {
        if let one = Self.one {
            if block == 0 { Self.check(one..<one + 1) }
        } else {
            Self.check(block * 25..<(block + 1) * 25)
        }
    }

    /// A store was set back before the relay had the chunks of its entry.
    @Test(arguments: [1446, 9566] as [UInt64]) func rulesHoldWhereTheyOnceDidNot(seed: UInt64) {
        Self.check(seed..<seed + 1)
    }

    @Test(.enabled(if: SimulationTests.isSlow), arguments: 0..<98 as Range<UInt64>) func rulesHoldForTenThousandSeeds(
        block: UInt64
    ) {
        let seeds = 200 + block * 100..<200 + (block + 1) * 100
        Self.check(seeds)
        print("simulated seeds \(seeds) of 10000")
    }

    @Test func oneSeedGivesOneHistory() throws {
        let histories = try (0..<2).map { _ in
            let simulation = try Simulation(seed: 7)
            try simulation.run()
            return simulation.relay.logs.mapValues { $0.map(\.hash) }
        }
        #expect(histories[0] == histories[1])
    }

    private struct BlindPublishing: LogRules {
        var comparesFirst: Bool { false }
    }

    /// A device that publishes before it has compared its own log after a restore is found out.
    @Test func publishingWithoutComparingIsCaught() {
        let caught = (0..<200 as Range<UInt64>).contains { seed in
            (try? Simulation(seed: seed, rules: BlindPublishing()).run()) == nil
        }
        #expect(caught)
    }
}
