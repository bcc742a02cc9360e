// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension SyncError {
    /// The opened content of an entry is not what an entry may say.
    static func badContent(_ what: String, cause: (any Error)? = nil) -> SyncError {
        SyncError(
            .badContent, "an entry of the circle has content that is refused: \(what)",
            remedy: "Install the newest version of Attune on all devices, and look at attune sync log.", cause: cause)
    }

    /// The key of an entry's epoch is not on this device yet: the entry waits.
    package static var keyIsAbsent: SyncError {
        SyncError(.keyIsAbsent, "the key of an entry's epoch is not here yet", remedy: "Run: attune sync now")
    }

    /// The key of the newest epoch was given out wrong by who made it: nothing can be sealed for the circle.
    ///
    /// - Parameters:
    ///   - device: what people call it, with its fingerprint.
    ///   - fingerprint: what tells it from all others.
    package static func keyIsRefused(of device: String, fingerprint: String, epoch: UInt32) -> SyncError {
        SyncError(
            .keyIsRefused, "the circle's keys number \(epoch), which \(device) made, do not open here",
            remedy:
                "What is new waits here. Shut that device out, and the circle has other keys: attune devices revoke "
                + ShellWord.quoted(fingerprint))
    }
}
