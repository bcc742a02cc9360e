// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Runs and rounds: how they begin, wait and end.
extension SyncEngine {
    mutating func beginRun() {
        outcome = SyncOutcome()
        startsAgain = false
        stalled = []
        noticed = []
        hasAskedAgain = false
        known.heldBack = [:]
        unwelcome = []
        absentChunks = []
        promisesBroken = 0
        isFull = false
        linksDiverged = false
        hasPushedBranch = false
        wasClockAdjusted = false
        fruitlessRounds = 0
        frontier = nil
        settleWhatIsDecided()
        if !rules.comparesFirst, !ownCompared,
            let place = try? rules.nextPlace(of: device, in: known, ownMark: ownMark)
        {
            ownCompared = true
            phase = .publishing
            emit(.publishNext(place))
        } else {
            beginRound()
        }
    }

    /// Asks the remote what it has; answers to earlier questions no longer count.
    mutating func beginRound() {
        if !purposes.isEmpty { emit(.cancelRequests) }
        purposes = [:]
        pulls = [:]
        push = Push()
        transfers = Transfers()
        wishes = Wishes()
        phase = .comparing
        send(.frontier, for: .frontier)
    }

    mutating func finish() {
        if !purposes.isEmpty { emit(.cancelRequests) }
        purposes = [:]
        pulls = [:]
        push = Push()
        transfers = Transfers()
        wishes = Wishes()
        phase = .idle
        if !absentChunks.isEmpty {
            outcome.chunksAbsent = absentChunks.count
            outcome.problems.append(.chunksAbsent(absentChunks.count, remoteName))
        }
        // What one device says of another's log is told when it is noticed, and then waits for a person.
        let grave = open.filter(\.kind.stopsNames).union(noticed)
        outcome.suspicion = grave.min { ($0.subject, $0.seq) < ($1.subject, $1.seq) }
        emit(.finished(outcome))
        if startsAgain { beginRun() }
    }

    /// Ends the run because of `error`.
    mutating func stop(_ error: SyncError) {
        outcome.problems.insert(error, at: 0)
        emit(.log(.warning, error.message))
        startsAgain = false
        finish()
    }

    mutating func pause(milliseconds: Int) {
        if !purposes.isEmpty { emit(.cancelRequests) }
        purposes = [:]
        phase = .waiting
        emit(.wait(milliseconds: milliseconds))
    }

    mutating func send(_ request: SyncRequest, for purpose: Purpose) {
        lastTicket += 1
        purposes[lastTicket] = purpose
        emit(.send(ticket: lastTicket, request))
    }

    /// Adds a problem to the outcome, once of its kind, and says so in the sync log.
    mutating func report(_ problem: SyncError) {
        guard !outcome.problems.contains(where: { $0.message == problem.message }) else { return }
        outcome.problems.append(problem)
        emit(.log(problem.kind == .newerEntries ? .warning : .alarm, problem.message))
    }

    mutating func emit(_ effect: SyncEffect) { effects.append(effect) }

    /// The remote gave something wrong: nothing of it is kept, and the run goes on with the rest.
    mutating func doubt(_ reason: String) {
        emit(.log(.alarm, reason))
        if !outcome.problems.contains(where: { $0.kind == .misbehaved }) {
            outcome.problems.append(.misbehaved(remoteName, reason))
        }
    }
}
