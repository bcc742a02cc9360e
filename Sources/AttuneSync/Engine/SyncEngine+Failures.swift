// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What is done when a request has no answer.
extension SyncEngine {
    /// Longest time that a busy remote may ask to wait: an hour.
    static let longestWait = 3600
    /// Milliseconds beyond which no clock is off: a thousand years.
    static let largestClockOffset: UInt64 = 1000 * 31_556_952_000

    mutating func fail(_ failure: RemoteFailure, of purpose: Purpose, reading log: some SyncLogReading) throws {
        switch failure {
        case .unreachable(let reason): retry(.unreachable(remote, reason))
        case .timedOut: retry(.unreachable(remote, "no answer in time"))
        case .server(let status): retry(.unreachable(remote, "it failed with status \(status)"))
        case .malformed(let reason): retry(.misbehaved(remote, reason))
        case .busy(let seconds): wait(seconds)
        case .clock(let offset):
            guard !wasClockAdjusted, offset.magnitude < Self.largestClockOffset else {
                return stop(.refused(remote, "the clocks differ"))
            }
            wasClockAdjusted = true
            emit(.adjustClock(offset))
            emit(.log(.info, "The clock here differs from the remote's by \(offset) ms; requests allow for it."))
            beginRound()
        case .unauthorised(let reason): stop(.refused(remote, reason))
        case .forbidden:
            // Only a signed link says that this device was removed; a removed device may still read it.
            guard purpose != .links else { return stop(.refused(remote, "it refuses this device")) }
            guard fruitlessRounds < 2 else { return stop(.refused(remote, "it refuses this device, and no link does")) }
            fruitlessRounds += 1
            emit(.cancelRequests)
            purposes = [:]
            phase = .links
            send(.links(after: chain.seq), for: .links)
        case .unknownCircle: stop(.unknownCircle(remote))
        case .deleted(let until):
            outcome.deletion = SyncSettings.Deletion(until: until)
            stop(.deleted(remote, until: until))
        case .notFound, .conflict: try failOne(failure, of: purpose, reading: log)
        case .tooLarge, .full: try overflow(purpose, reading: log)
        }
    }

    private mutating func failOne(
        _ failure: RemoteFailure, of purpose: Purpose, reading log: some SyncLogReading
    ) throws {
        switch purpose {
        case .download(let id): isAbsent(id)
        case .upload:
            // A device that serves its circle asks for more than is here.
            transfers.underWay -= 1
            try pumpUploads(reading: log)
        case .pushLinks:
            // Somebody else was first: what they added comes with the next frontier.
            nextRound(.misbehaved(remote, "it takes no links and shows no other ones"))
        case .forkProof(let device, let seq):
            doubt("it names an entry \(seq) of device \(device.fingerprint) and does not give it")
            holdBack(device)
            try proofDone(reading: log)
        default: retry(.misbehaved(remote, failure == .notFound ? "something is not there" : "a conflict"))
        }
    }

    /// The remote takes no more: what it gives is still taken.
    private mutating func overflow(_ purpose: Purpose, reading log: some SyncLogReading) throws {
        switch purpose {
        case .upload, .pushEntries, .missing, .pushLinks:
            if !isFull { outcome.problems.append(.full(remote)) }
            isFull = true
            emit(.cancelRequests)
            purposes = [:]
            push = Push()
            transfers = Transfers()
            emit(.log(.warning, "The remote takes no more: its space for the circle is used up."))
            beginDownloads()
        default: retry(.misbehaved(remote, "it calls a question too large"))
        }
    }

    /// Begins a new round at once, unless rounds bring nothing any more.
    mutating func nextRound(_ error: SyncError) {
        fruitlessRounds += 1
        if fruitlessRounds > 3 { stop(error) } else { beginRound() }
    }

    private mutating func retry(_ error: SyncError) {
        let delay = backOff.next()
        if let attempts = options.attempts, backOff.failures >= attempts { return stop(error) }
        emit(.log(.info, "\(error.message); trying again in \((delay + 999) / 1000) s."))
        pause(milliseconds: delay)
    }

    private mutating func wait(_ seconds: Int?) {
        guard let seconds else { return retry(.busy(remote, seconds: 60)) }
        let bounded = max(1, min(seconds, Self.longestWait))
        _ = backOff.next()
        if let attempts = options.attempts, backOff.failures >= attempts || bounded > 60 {
            outcome.retryAfter = bounded
            return stop(.busy(remote, seconds: bounded))
        }
        pause(milliseconds: bounded * 1000)
    }
}
