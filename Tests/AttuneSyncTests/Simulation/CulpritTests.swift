// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import Testing

@testable import AttuneSync

/// What an own device in the wrong hands can do, under all faults: once it is shut out nothing of it is left.
@Suite struct CulpritTests {
    /// One misdeed alone, and all of them together; the seed says which.
    static let ways = Misdeed.allCases.map { [$0] } + [Misdeed.allCases]

    static func check(_ seeds: Range<UInt64>) {
        for seed in seeds {
            let misdeeds = ways[Int(seed % UInt64(ways.count))]
            do {
                try Simulation(seed: seed).run(with: misdeeds)
            } catch {
                Issue.record(
                    "seed \(seed) (ATTUNE_SIMULATION_SEED=\(seed)), a device that \(misdeeds.map(\.rawValue)): \(error)"
                )
            }
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func nothingIsLeftOfWhatADeviceDidOnceItIsShutOut(block: UInt64) {
        if let one = SimulationTests.one {
            if block == 0 { Self.check(one..<one + 1) }
        } else {
            Self.check(block * 25..<(block + 1) * 25)
        }
    }

    /// Chunks that only one device has; entries that wait for each other once a fork is cut off; forks nobody meant; a last
    /// entry that only a store had which was set back; a clock that goes back within a log.
    @Test(arguments: [773, 2354, 3913, 6039, 8081, 8470] as [UInt64]) func nothingIsLeftWhereItOnceWas(seed: UInt64) {
        Self.check(seed..<seed + 1)
    }

    @Test(.enabled(if: SimulationTests.isSlow), arguments: 0..<98 as Range<UInt64>)
    func nothingIsLeftInTenThousandSeeds(block: UInt64) {
        let seeds = 200 + block * 100..<200 + (block + 1) * 100
        Self.check(seeds)
        print("simulated seeds \(seeds) of 10000, with a device in the wrong hands")
    }

    // MARK: Rules that are needed

    /// Whether a simulation by bent rules breaks what has to hold.
    private func isCaught(
        _ misdeed: Misdeed, by rules: some LogRules = CircleRules(), _ bend: (Simulation) -> Void = { _ in }
    ) -> Bool {
        (0..<100 as Range<UInt64>).contains { seed in
            do {
                let simulation = try Simulation(seed: seed, rules: rules)
                bend(simulation)
                try simulation.run(with: [misdeed])
                return false
            } catch {
                // Nothing else shows that a rule is needed.
                return error is Simulation.Violation || error is SimulatedStore.Inconsistency
            }
        }
    }

    @Test func aWordThatOutlivesItsAuthorIsCaught() { #expect(isCaught(.lies, by: WordsThatStay())) }

    @Test func aForkThatNoRevocationSettlesIsCaught() { #expect(isCaught(.forks, by: ForksThatStay())) }

    @Test func aCounterThatMayJumpIsCaught() { #expect(isCaught(.jumps, by: AnyCounter())) }

    @Test func aPastThatIsAwaitedForEverIsCaught() {
        #expect(isCaught(.floods, by: ThePastOfTheShutOutIsAwaited()))
    }

    @Test func aStoreThatBelievesWhoSpeaksFirstIsCaught() {
        #expect(isCaught(.squats) { $0.devices.forEach { $0.store.plant(.firstClaimWins) } })
    }

    @Test func namesThatOutliveWhoGaveThemAreCaught() {
        #expect(isCaught(.renames) { $0.devices.forEach { $0.store.plant(.namesStay) } })
    }

    @Test func aDeviceThatOthersCanNameIsCaught() {
        #expect(isCaught(.renames) { $0.name = { ($0.givenNames.values.max { $0.at < $1.at } ?? $0.name).sealed } })
    }

    @Test func claimsThatOutliveWhoMadeThemAreCaught() {
        #expect(isCaught(.bombs) { $0.devices.forEach { $0.store.plant(.claimsStay) } })
    }

    @Test func aRelayWithoutSharesIsCaught() { #expect(isCaught(.floods) { $0.relay.share = .max }) }
}

/// What a device said of another's log is settled only by that log, as it was once.
private struct WordsThatStay: LogRules {
    func isDecided(_ suspicion: Suspicion, in logs: KnownLogs) -> Bool {
        guard let author = suspicion.author, author != suspicion.subject else {
            return CircleRules().isDecided(suspicion, in: logs)
        }
        return suspicion.kind == .hidden && logs.heads[suspicion.subject]?.seq ?? 0 >= suspicion.seq
    }
}

/// A fork is never over.
private struct ForksThatStay: LogRules {
    func isDecided(_ suspicion: Suspicion, in logs: KnownLogs) -> Bool {
        suspicion.kind != .fork && CircleRules().isDecided(suspicion, in: logs)
    }
}

/// Whatever an entry counts, it is next.
private struct AnyCounter: LogRules {
    func verdict(on entry: Entry, in logs: KnownLogs, reading log: some SyncLogReading) throws -> Verdict {
        var logs = logs
        logs.largestLamport = WireLimits.counter
        return try CircleRules().verdict(on: entry, in: logs, reading: log)
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
