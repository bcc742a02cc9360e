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
    /// - Parameter device: what people call it, with its fingerprint.
    package static func keyIsRefused(of device: String, epoch: UInt32) -> SyncError {
        SyncError(
            .keyIsRefused, "the circle's keys number \(epoch), which \(device) made, do not open here",
            remedy:
                "What is new waits here. Shut that device out, and the circle has other keys: attune devices revoke "
                + ShellWord.quoted(Self.fingerprint(in: device)))
    }

    /// What names a device for sure, of what people call it.
    private static func fingerprint(in label: String) -> String {
        label.split { " ()".contains($0) }.last.map(String.init) ?? label
    }
}
