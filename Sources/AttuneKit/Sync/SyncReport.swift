// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync

/// What one run of sync did, for people and scripts.
package struct SyncReport: Sendable, Encodable {
    package struct Problem: Sendable, Encodable {
        package let code: String
        package let message: String
    }

    package let schema = 1
    /// The relay's address, or `device ` and an id.
    package let remote: String
    /// The relay's address, or `device ` and what it is called here.
    package let remoteName: String
    package let isComplete: Bool
    package let entriesTaken: Int
    package let entriesPublished: Int
    package let entriesSent: Int
    package let chunksTaken: Int
    package let chunksSent: Int
    package let bytesReceived: Int
    package let bytesSent: Int
    package let seconds: Double
    /// Adapters that went on at several devices at once.
    package let conflicts: [String]
    /// What a person has to know of what other devices changed, a sentence each.
    package let news: [String]
    /// Versions whose tensors arrived in this run and no adapter may hold.
    package let refused: [RefusedVersion]
    package let problems: [Problem]
    /// The gravest problem, to end the command with.
    package let failure: (any AttuneError)?

    private enum CodingKeys: String, CodingKey {
        case schema, remote, remoteName, isComplete, entriesTaken, entriesPublished, entriesSent, chunksTaken,
            chunksSent
        case bytesReceived, bytesSent, seconds, conflicts, news, refused, problems
    }

    /// Whether anything went either way.
    package var movedAnything: Bool { entriesTaken + entriesPublished + entriesSent + chunksTaken + chunksSent > 0 }

    /// What went each way, in counts.
    package var summary: String {
        let parts = [
            (entriesTaken, "change", "received"), (entriesSent, "change", "sent"),
            (chunksTaken, "chunk", "received"), (chunksSent, "chunk", "sent"),
        ].filter { $0.0 > 0 }.map { "\(Quantity.counted($0.0, $0.1)) \($0.2)" }
        return parts.isEmpty ? "nothing new" : parts.joined(separator: ", ")
    }

    init(
        remote: String, remoteName: String, outcomes: [SyncOutcome], conflicts: [String],
        inspection: Workspace.Inspection
    ) {
        self.remote = remote
        self.remoteName = remoteName
        let problems: [any AttuneError] = (outcomes.last?.problems ?? []) + inspection.postponed
        isComplete = problems.isEmpty
        entriesTaken = outcomes.reduce(0) { $0 + $1.entriesTaken }
        entriesPublished = outcomes.reduce(0) { $0 + $1.entriesPublished }
        entriesSent = outcomes.reduce(0) { $0 + $1.entriesSent }
        chunksTaken = outcomes.reduce(0) { $0 + $1.chunksTaken }
        chunksSent = outcomes.reduce(0) { $0 + $1.chunksSent }
        bytesReceived = outcomes.reduce(0) { $0 + $1.bytesReceived }
        bytesSent = outcomes.reduce(0) { $0 + $1.bytesSent }
        seconds = outcomes.reduce(0) { $0 + $1.seconds }
        self.conflicts = conflicts
        news = outcomes.flatMap(\.news)
        refused = inspection.refused
        self.problems = problems.map { Problem(code: $0.code, message: $0.message) }
        failure = problems.first ?? inspection.refused.first.map(KitError.refusedArrival)
    }
}
