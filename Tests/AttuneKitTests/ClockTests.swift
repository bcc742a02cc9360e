// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import AttuneTraining
import AttuneVault
import Foundation
import Synchronization
import Testing

/// A clock that jumps changes dates, and nothing else.
@Suite struct ClockTests {
    @Test func trainingGoesOnThroughAClockThatJumps() throws {
        let moments = Mutex(SystemRandomNumberGenerator())
        let store = try KitStore(now: {
            moments.withLock { Date(timeIntervalSince1970: Double.random(in: -1e9...5e9, using: &$0)) }
        })
        let first = try store.train(seed: 1)
        let second = try store.train(seed: 2)
        #expect(first.number == 1)
        #expect(second.number == 2)
        let vault = store.workspace.vault
        #expect(try vault.runs.all().map(\.version) == [first.id, second.id])
        #expect(try vault.versions.all(of: "notes").map(\.number) == [1, 2])
        #expect(try vault.versions.fetch("notes").number == 2)
        try vault.adapters.rollback("notes", to: .back(1))
        #expect(try vault.journal.undo().isUndone)
        #expect(try vault.versions.fetch("notes").number == 2)
        #expect(try vault.verify().isWhole)
    }

    @Test func whatIsRemovedIsNotErasedByAClockThatWentBack() throws {
        let store = try KitStore(now: { Date(timeIntervalSince1970: 2_000_000_000) })
        try store.train("notes")
        try store.train("mail")
        try store.workspace.vault.adapters.trash("notes")
        let past = try store.reopened(now: { Date(timeIntervalSince1970: 1_000_000_000) })
        #expect(try past.vault.trash.purge().isEmpty)
        try past.vault.trash.restore("notes")
        #expect(try past.vault.adapters.all().map(\.name).sorted() == ["mail", "notes"])
    }

    @Test func anInterruptedRunIsResumedYearsBefore() throws {
        let store = try KitStore(now: { Date(timeIntervalSince1970: 3_000_000_000) })
        let stop = StopFlag()
        let session = try TrainingSession.prepare(try store.request(epochs: 3), in: store.workspace)
        let result = try session.runAlone(stop: stop) { event in
            if case .step(let report) = event, report.step == 3 { stop.request() }
        }
        #expect(result.version == nil)
        let past = try store.reopened(now: { Date(timeIntervalSince1970: 0) })
        let resumed = try TrainingSession.resume([result.runID], in: past)
        #expect(try resumed.runAlone().version?.number == 1)
    }
}
