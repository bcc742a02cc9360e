// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Giving drafts their places in the own log.
extension SyncEngine {
    mutating func publishNext(reading log: some SyncLogReading) throws {
        guard ownCompared else { return try pushNext(reading: log) }
        do {
            let place = try rules.nextPlace(of: device, in: known, ownMark: ownMark)
            phase = .publishing
            emit(.publishNext(place))
        } catch let error as SyncError {
            report(error)
            try pushNextOrCompare(reading: log)
        }
    }

    mutating func published(_ entry: Entry?, reading log: some SyncLogReading) throws {
        guard let entry else { return try pushNextOrCompare(reading: log) }
        known.take(entry)
        ownMark = entry.position
        outcome.entriesPublished += 1
        try publishNext(reading: log)
    }

    /// Only rules that do not compare first come here before a frontier was asked for.
    private mutating func pushNextOrCompare(reading log: some SyncLogReading) throws {
        if frontier == nil { beginRound() } else { try pushNext(reading: log) }
    }
}
