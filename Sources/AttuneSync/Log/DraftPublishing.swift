// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Drafts and the places that they get in the own log.
extension SyncStore {
    /// Seals and keeps the oldest draft at `place`; nil if none waits, or all have to.
    func publishDraft(at place: EntryPlace, by author: any EntryAuthor) throws -> Entry? {
        guard let draft = try nextDraft() else { return nil }
        let bytes: [UInt8]
        do {
            bytes = try author.write(draft, at: place)
        } catch let error as SyncError where error.kind == .keyIsRefused {
            return nil
        }
        let entry = try Entry(parsing: bytes)
        try publish(draft.id, as: entry)
        return entry
    }

    /// Gives every draft its place, once the own log was compared with another device's.
    ///
    /// - Parameter chain: the store's links, verified.
    /// - Throws: `SyncError` E-SYNC-005, E-SYNC-006 if nothing may be published; the store's and the author's errors.
    package func publishDrafts(
        chain: DeviceChain, by author: any EntryAuthor, rules: some LogRules = CircleRules()
    ) throws {
        guard try nextDraft() != nil else { return }
        var logs = try KnownLogs(of: self, chain: chain)
        while let entry = try publishDraft(
            at: rules.nextPlace(of: device, in: logs, ownMark: try ownMark()), by: author)
        {
            logs.take(entry)
        }
    }
}
