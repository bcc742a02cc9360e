// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneWire
import Foundation
import Testing

/// What an own device in the wrong hands can do, under all faults: once it is shut out nothing of it is left.
@Suite struct CulpritTests {
    static func check(_ seeds: Range<UInt64>, _ misdeeds: (UInt64) -> [Misdeed]) {
        for seed in seeds {
            let misdeeds = misdeeds(seed)
            do {
                try Simulation(seed: seed).run(with: misdeeds)
            } catch {
                Issue.record("seed \(seed), a device that \(misdeeds.map(\.rawValue)): \(error)")
            }
        }
    }

    @Test(arguments: Misdeed.allCases) func nothingIsLeftOfWhatADeviceDidOnceItIsShutOut(misdeed: Misdeed) {
        Self.check(0..<25) { _ in [misdeed] }
    }

    @Test(.enabled(if: SimulationTests.isSlow), arguments: 0..<100 as Range<UInt64>)
    func nothingIsLeftForTenThousandSeeds(block: UInt64) {
        Self.check(block * 100..<(block + 1) * 100) { seed in
            // One after the other, and any several of them.
            Misdeed.allCases.enumerated().filter { seed % 15 + 1 & 1 << UInt64($0.offset) != 0 }.map(\.element)
        }
    }

    /// Rules of which one is bent, and what a device does that finds it.
    static let planted: [(Misdeed, any LogRules)] = [
        (.lies, LiesStay()), (.forks, ForksStay()), (.floods, ThePastOfTheShutOutIsAwaited()),
    ]

    @Test(arguments: planted.indices) func aPlantedFaultOfEachKindIsCaught(index: Int) {
        let (misdeed, rules) = Self.planted[index]
        let isCaught = (0..<60 as Range<UInt64>).contains { seed in
            (try? Simulation(seed: seed, rules: rules).run(with: [misdeed])) == nil
        }
        #expect(isCaught, "a device that \(misdeed.rawValue)")
    }

    /// What a device said of another one is decided by the other one alone.
    private struct LiesStay: LogRules {
        func isDecided(_ suspicion: Suspicion, in logs: KnownLogs) -> Bool {
            logs.chain.devices[suspicion.subject]?.isActive != true
                || suspicion.kind == .hidden && logs.heads[suspicion.subject]?.seq ?? 0 >= suspicion.seq
        }
    }

    /// A fork is a fork, whoever was shut out for it.
    private struct ForksStay: LogRules {
        func isDecided(_ suspicion: Suspicion, in logs: KnownLogs) -> Bool {
            suspicion.kind != .fork && CircleRules().isDecided(suspicion, in: logs)
        }
    }

    /// Entries of honest devices wait for what they name of one that was shut out, and that nobody gives any more.
    private struct ThePastOfTheShutOutIsAwaited: LogRules {
        func verdict(on entry: Entry, in logs: KnownLogs, reading log: some SyncLogReading) throws -> Verdict {
            let verdict = try CircleRules().verdict(on: entry, in: logs, reading: log)
            guard verdict == .take else { return verdict }
            for (other, seen) in entry.frontier {
                if let last = logs.chain.devices[other]?.revocation?.lastSeq, seen.seq > last {
                    return .waits(for: .entry(other, seen))
                }
            }
            return .take
        }
    }
}
