// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Who seals and signs drafts.
package protocol EntryAuthor: Sendable {
    /// The serialised `SignedEntry` of a draft at its place.
    ///
    /// - Throws: what `obstacle()` says if the key of the place's epoch is not here; if the draft is too large.
    func write(_ draft: EntryDraft, at place: EntryPlace) throws -> [UInt8]

    /// Says why nothing can be sealed for the circle as it is now; nil where it can.
    func obstacle() -> SyncError?

    /// What people call a device, with its fingerprint: the keys that seal entries open the names of devices too.
    func label(of device: DeviceID) -> String
}

/// Who opens accepted entries and makes adapters of them.
package protocol EntryApplying: Sendable {
    /// Applies all entries that were accepted and not applied yet, in the order they came; blocks meanwhile.
    ///
    /// - Returns: what a person has to know of it, a sentence each.
    /// - Throws: the store's errors.
    func apply() throws -> [String]
}

extension EntryAuthor {
    /// Of somebody whose keys nobody else makes.
    package func obstacle() -> SyncError? { nil }

    /// Of somebody who knows no names.
    package func label(of device: DeviceID) -> String { "device \(device.fingerprint)" }
}
