// Attune
// SPDX-License-Identifier: Apache-2.0

/// Who seals and signs drafts.
package protocol EntryAuthor: Sendable {
    /// The serialised `SignedEntry` of a draft at its place.
    ///
    /// - Throws: if the key of the place's epoch is not here, or the draft is too large.
    func write(_ draft: EntryDraft, at place: EntryPlace) throws -> [UInt8]
}
