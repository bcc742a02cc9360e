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
        if case .pushBranch = purpose, failure.refusesBranch { return try diverge(reading: log) }
        switch failure {
        case .unreachable(let reason): retry(.unreachable(remoteName, reason))
        case .timedOut: retry(.unreachable(remoteName, "no answer in time"))
        case .server(let status): retry(.unreachable(remoteName, "it failed with status \(status)"))
        case .malformed(let reason): retry(.misbehaved(remoteName, reason))
        case .busy(let seconds): wait(seconds)
        case .clock(let offset):
            guard !wasClockAdjusted, offset.magnitude < Self.largestClockOffset else {
                return stop(.refused(remoteName, "the clocks differ"))
            }
            wasClockAdjusted = true
            emit(.adjustClock(offset))
            emit(.log(.info, "The clock here differs from the remote's by \(offset) ms; requests allow for it."))
            beginRound()
        case .unauthorised(let reason): stop(.refused(remoteName, reason))
        case .forbidden:
            // Only a signed link says that this device was removed; a removed device may still read it.
            guard purpose != .allLinks else { return stop(.refused(remoteName, "it refuses this device")) }
            guard fruitlessRounds < 2 else {
                return stop(.refused(remoteName, "it refuses this device, and no link does"))
            }
            fruitlessRounds += 1
            emit(.cancelRequests)
            purposes = [:]
            phase = .links
            send(.links(after: 0), for: .allLinks)
        case .unknownCircle: stop(.unknownCircle(remoteName))
        case .deleted(let until):
            outcome.deletion = SyncSettings.Deletion(until: until)
            stop(.deleted(remoteName, until: until))
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
            nextRound(.misbehaved(remoteName, "it takes no links and shows no other ones"))
        case .forkProof(let device, let seq):
            doubt("it names an entry \(seq) of device \(device.fingerprint) and does not give it")
            holdBack(device)
            try proofDone(reading: log)
        default: retry(.misbehaved(remoteName, failure == .notFound ? "something is not there" : "a conflict"))
        }
    }

    /// The remote takes no more: what it gives is still taken.
    private mutating func overflow(_ purpose: Purpose, reading log: some SyncLogReading) throws {
        switch purpose {
        case .upload, .pushEntries, .missing, .pushLinks, .pushBranch:
            if !isFull { outcome.problems.append(.full(remoteName)) }
            isFull = true
            emit(.cancelRequests)
            purposes = [:]
            push = Push()
            transfers = Transfers()
            emit(.log(.warning, "The remote takes no more: its space for the circle is used up."))
            beginDownloads()
        default: retry(.misbehaved(remoteName, "it calls a question too large"))
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
        guard let seconds else { return retry(.busy(remoteName, seconds: 60)) }
        let bounded = max(1, min(seconds, Self.longestWait))
        _ = backOff.next()
        if let attempts = options.attempts, backOff.failures >= attempts || bounded > 60 {
            outcome.retryAfter = bounded
            return stop(.busy(remoteName, seconds: bounded))
        }
        pause(milliseconds: bounded * 1000)
    }
}

extension RemoteFailure {
    /// Whether a remote takes no branch: one that knows of none says so in several ways, and none has many a day.
    fileprivate var refusesBranch: Bool {
        switch self {
        case .conflict, .malformed, .forbidden, .notFound, .tooLarge: true
        case .busy(let seconds): seconds ?? 0 > 60
        default: false
        }
    }
}

/// Waiting times after failures: doubling from one second to a ceiling, between half and all of it by chance.
///
/// A value of its seed: the same seed gives the same times.
package struct SyncBackOff: Sendable {
    private var state: UInt64
    private let longest: Int
    package private(set) var failures = 0

    /// - Parameter longest: the ceiling in milliseconds, at least a second; five minutes by default.
    package init(seed: UInt64, longest: Int = 300_000) {
        state = seed
        self.longest = max(longest, 1000)
    }

    /// Milliseconds to wait after one more failure.
    package mutating func next() -> Int {
        let ceiling = min(1000 << min(failures, 9), longest)
        failures += 1
        return ceiling / 2 + Int(random() % UInt64(ceiling / 2 + 1))
    }

    /// Something went well.
    package mutating func reset() { failures = 0 }

    /// SplitMix64.
    private mutating func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
