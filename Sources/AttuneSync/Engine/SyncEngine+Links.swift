// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// The device chain: it comes before any entry, since it says whose entries count.
extension SyncEngine {
    mutating func compareLinks(_ shown: RemoteFrontier, reading log: some SyncLogReading) throws {
        frontier = shown
        phase = .links
        if shown.chunkGeneration != chunkMarks.generation { forgetChunkMarks(shown.chunkGeneration) }
        guard shown.linkSeq >= 1 else { return stop(.misbehaved(remoteName, "it shows a circle without links")) }
        if shown.linkSeq == chain.seq, shown.link == chain.head {
            outcome.linksTold = chain.seq
            // Where two had changed the circle at once, both have the same change now.
            settle(open.filter { $0.kind == .linkFork })
            linksDiverged = false
            try compareHeads(reading: log)
        } else if linksDiverged {
            try compareHeads(reading: log)
        } else if shown.linkSeq > chain.seq {
            send(.links(after: chain.seq), for: .links)
        } else if let mine = try log.links(after: shown.linkSeq - 1, limit: 1).first,
            try Link(parsing: mine).hash == shown.link
        {
            let batch = Self.batch(of: try log.links(after: shown.linkSeq, limit: WireLimits.linksPerPush))
            send(.pushLinks(batch, previous: shown.link), for: .pushLinks(count: batch.count))
        } else {
            send(.links(after: 0), for: .allLinks)
        }
    }

    /// The first links that fit one request; the rest follows in the next round.
    private static func batch(of links: some Sequence<[UInt8]>) -> [[UInt8]] {
        var room = WireLimits.pushBytes - 4096
        return Array(
            links.prefix {
                room -= $0.count + 8
                return room >= 0
            })
    }

    mutating func takeLinks(_ received: [[UInt8]], reading log: some SyncLogReading) throws {
        guard !received.isEmpty else { return nextRound(.misbehaved(remoteName, "it promised links and gave none")) }
        var next = chain
        var links: [Link] = []
        do {
            for bytes in received {
                let link = try Link(parsing: bytes)
                if links.isEmpty, link.seq == chain.seq + 1, link.previous != chain.head {
                    return send(.links(after: 0), for: .allLinks)
                }
                try next.append(link)
                links.append(link)
            }
        } catch let error as WireError {
            return refuseLinks(error)
        }
        fruitlessRounds = 0
        try adopt(next, after: chain.seq, links, reading: log)
    }

    /// Two branches of the chain: the rule of `DeviceChain.yields` says which one counts.
    mutating func compareBranches(_ received: [[UInt8]], reading log: some SyncLogReading) throws {
        let theirs: DeviceChain
        do {
            theirs = try DeviceChain(verifying: received)
            guard theirs.circle == chain.circle else { throw WireError.order("it is the chain of another circle") }
        } catch let error as WireError {
            return refuseLinks(error)
        }
        let mine = try log.links(after: 0, limit: Int(WireLimits.links))
        // A device may sign one link twice.
        let common = try zip(mine, received).prefix {
            try $0 == $1 || Link(parsing: $0).hash == Link(parsing: $1).hash
        }.count
        let suffix = try received[common...].map { try Link(parsing: $0) }
        guard common < mine.count else {
            return try adopt(theirs, after: UInt64(common), suffix, reading: log)
        }
        guard let first = suffix.first else {
            // Whom it refuses it shows the links up to that, which may all be known.
            guard chain.devices[device]?.isActive == true else { return stop(.revoked(remoteName)) }
            return stop(.misbehaved(remoteName, "its device chain is not the one it names"))
        }
        let own = try Link(parsing: mine[common])
        keep(
            SyncEvidence(
                Suspicion(.linkFork, by: first.signer, about: first.signer, seq: first.seq), held: own.bytes,
                other: first.bytes, remote: remote))
        guard chain.yields(to: theirs, from: own, and: first) else {
            emit(.log(.alarm, "The circle was changed on two devices at once; the change known here counts."))
            // A device that serves takes no branch from whoever comes: it asks itself.
            guard !options.isDirect, !hasPushedBranch else { return try diverge(reading: log) }
            hasPushedBranch = true
            let branch = Self.batch(of: mine[common...].prefix(WireLimits.linksPerBranch))
            return send(.pushBranch(branch, parting: own.previous), for: .pushBranch(count: branch.count))
        }
        emit(.log(.alarm, "The circle was changed on two devices at once; the other change counts: make yours again."))
        try adopt(theirs, after: UInt64(common), suffix, reading: log)
    }

    /// The remote keeps a branch that does not count: what it has of entries is taken, and nothing is sent to it, since who
    /// was shut out may be in the circle there.
    mutating func diverge(reading log: some SyncLogReading) throws {
        linksDiverged = true
        let problem = SyncError.otherBranch(remoteName, isDirect: options.isDirect)
        // Not even a frontier is given to whom the branch shuts out.
        guard frontier != nil else { return stop(problem) }
        report(problem)
        try compareHeads(reading: log)
    }

    private mutating func refuseLinks(_ error: WireError) {
        emit(.log(.alarm, "A link was refused: \(error.message)"))
        stop(.misbehaved(remoteName, error.message))
    }

    private mutating func adopt(
        _ next: DeviceChain, after seq: UInt64, _ links: [Link], reading log: some SyncLogReading
    ) throws {
        let cutOffs = try known.adopt(next, reading: log)
        replaceLinks(after: seq, links, cutOffs: cutOffs)
        outcome.linksTaken += links.count
        // The remote gave them, or has what they follow on.
        outcome.linksTold = next.seq
        emit(.announce(links))
        settleWhatIsDecided()
        guard let me = next.devices[device] else { return stop(.additionLost) }
        guard me.isActive else { return stop(.revoked(remoteName)) }
        // The remote refused to show one.
        guard frontier != nil else { return beginRound() }
        // A long chain comes in pages.
        if next.seq < frontier?.linkSeq ?? 0 { return send(.links(after: next.seq), for: .links) }
        try compareHeads(reading: log)
    }

    /// Has the store take links and drop the entries beyond `cutOffs`, which are no heads here any more, with the marks of
    /// their chunks.
    mutating func replaceLinks(after seq: UInt64, _ links: [Link], cutOffs: [DeviceID: UInt64]) {
        for (device, last) in cutOffs where chunkMarks.logs[device]?.seq ?? 0 > last {
            chunkMarks.logs[device] = heads[device]
        }
        emit(.replaceLinks(after: seq, links, cutOffs: cutOffs))
    }
}

/// What links that come from elsewhere say to a person: who came, who went, who was called what.
package enum LinkNews {
    /// A line for each link that changes whom one deals with, in order.
    ///
    /// - Parameters:
    ///   - device: this device, whose own changes are no news.
    ///   - label: what people call a device, with its fingerprint.
    package static func lines(
        of links: [Link], on device: DeviceID, labels label: (DeviceID) -> String
    ) -> [(level: SyncLogLine.Level, text: String)] {
        links.compactMap { link in
            guard link.signer != device else { return nil }
            let signer = label(link.signer)
            switch link.body.payload {
            case .add(let add):
                let new = DeviceID(add.device)
                return add.device.paper
                    ? (.alarm, "The circle has recovery words now: \(signer) made them.")
                    : (.warning, "In the circle now: \(label(new)), which \(signer) let in.")
            case .revoke(let revoke):
                let gone = revoke.revocations.compactMap { DeviceID($0.device).map(label) }
                return (.warning, "Shut out of the circle by \(signer): \(gone.joined(separator: ", ")).")
            case .replaceWords:
                return (
                    .alarm,
                    "The recovery words of the circle were replaced by \(signer); the earlier ones open nothing that is made "
                        + "from now on."
                )
            case .rename(let rename):
                guard let named = DeviceID(rename.device), named != link.signer else { return nil }
                return (.alarm, "A name that \(signer) gave \(label(named)) does not count.")
            case .genesis, .epochKeys, nil: return nil
            }
        }
    }
}
