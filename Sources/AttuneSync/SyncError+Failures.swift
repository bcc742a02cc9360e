// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation

extension SyncError {
    static func unreachable(_ remote: String, _ reason: String) -> SyncError {
        SyncError(
            .unreachable, "\(remote) cannot be reached: \(reason)",
            remedy: "Check the network and try again: attune sync now; nothing is lost meanwhile.")
    }

    static func misbehaved(_ remote: String, _ reason: String) -> SyncError {
        SyncError(
            .misbehaved, "\(remote) gave something that was refused: \(reason)",
            remedy:
                "Nothing of it was kept; see attune sync log, and sync with another device: attune sync now --direct HOST:PORT"
        )
    }

    static func unknownCircle(_ remote: String) -> SyncError {
        SyncError(
            .unknownCircle, "\(remote) does not know this circle",
            remedy:
                "Check its address, or bring the circle to it: attune sync relay \(RemoteAddress(remote)?.base ?? "URL")"
        )
    }

    package static func revoked(_ remote: String) -> SyncError {
        SyncError(
            .revoked, "this device is not in the circle any more, says \(remote)",
            remedy: "What is here stays; join again as a new device: attune devices join --relay URL")
    }

    /// The store was set back, and nobody has the entries that are missing.
    static var ownLogLost: SyncError {
        SyncError(
            .ownLogLost, "this store was set back to an older copy, and entries that it published since are nowhere",
            remedy:
                "Sync with the device that may have them: attune sync now --direct HOST:PORT; else shut this one out from another device, attune devices revoke NAME, and join anew here: attune devices join --relay URL"
        )
    }

    /// Two entries by this device have one place in its log.
    static var ownLogForked: SyncError {
        SyncError(
            .ownLogForked, "this device's own log has two entries in one place, as after a copied store",
            remedy:
                "Keep one copy of the store; shut it out from another device, attune devices revoke NAME, and join anew with it: attune devices join --relay URL"
        )
    }

    static func full(_ remote: String) -> SyncError {
        SyncError(
            .full, "\(remote) takes no more: the circle's space is used up",
            remedy: "Let the relay drop versions that nobody needs (attune adapters rm), or ask for more space.")
    }

    /// A device has as many entries as one device may have on a remote.
    static func placesTaken(_ device: DeviceID, isThis: Bool, _ remote: String) -> SyncError {
        SyncError(
            .placesTaken,
            "\(isThis ? "this device" : "device \(device.fingerprint)") has as many entries on \(remote) as one device may have there",
            remedy: isThis
                ? "Ask the relay's operator for more: attune-relay serve --device-entries."
                : "Is it one of yours? If not, shut it out: attune devices revoke \(device.fingerprint)")
    }

    /// A circle was deleted at a remote, and can come back.
    package static func deleted(_ remote: String, until: Int64?) -> SyncError {
        let day = SyncSettings.Deletion(until: until).day
        return SyncError(
            .deleted, "the circle was deleted on \(remote) and goes for good\(day.map { " on \($0)" } ?? " later")",
            remedy: "If you did not mean that, bring it back: attune sync undelete")
    }

    /// A remote keeps a branch of the chain that does not count.
    static func otherBranch(_ remote: String, isDirect: Bool) -> SyncError {
        SyncError(
            .otherBranch,
            "\(remote) keeps links of the circle's devices that do not count, and does not take those that do: nothing was sent there",
            remedy: isDirect
                ? "Let it ask this one: attune sync serve here, then attune sync now --direct HOST:PORT there"
                : "Take the circle to another relay, on each of its devices: attune sync relay URL")
    }

    static func newerEntries(_ device: DeviceID) -> SyncError {
        SyncError(
            .newerEntries, "device \(device.fingerprint) writes entries that this version of Attune does not know",
            remedy: "Install the newest version of Attune here; its entries wait until then.")
    }

    /// A device signed what breaks the rules of the log: nobody else is to blame for it.
    static func brokeRules(_ device: DeviceID, _ reason: String) -> SyncError {
        SyncError(
            .brokeRules, "device \(device.fingerprint) has published something that is refused: \(reason)",
            remedy:
                "The other devices go on without it; if it is in the wrong hands, shut it out: attune devices revoke \(device.fingerprint)"
        )
    }

    static func suspicious(_ what: String) -> SyncError {
        SyncError(
            .suspicious, what, remedy: "Look at what is open, and settle it or shut a device out: attune sync settle")
    }

    static func refused(_ remote: String, _ reason: String) -> SyncError {
        SyncError(
            .refused, "\(remote) does not take this device's requests: \(reason)",
            remedy: "Check that its address is the one it was set up with, and this machine's clock.")
    }

    static func busy(_ remote: String, seconds: Int) -> SyncError {
        SyncError(.busy, "\(remote) is busy and asks to wait \(seconds) s", remedy: "Try again later: attune sync now")
    }

    static func chunksAbsent(_ count: Int, _ remote: String) -> SyncError {
        SyncError(
            .chunksAbsent, "\(count) chunks of adapters that are wanted here are not on \(remote)",
            remedy: "Sync on the device that made them, then here: attune sync now")
    }

    package static var paused: SyncError {
        SyncError(.paused, "sync is paused", remedy: "Let it go on: attune sync resume")
    }

    package static let noRelay = noRelay(
        remedy: "Set one with attune sync relay URL, or sync directly: attune sync now --direct HOST:PORT")

    package static func noRelay(remedy: String) -> SyncError {
        SyncError(.noRelay, "no relay is set for this circle", remedy: remedy)
    }

    package static func cannotListen(_ address: String, _ reason: Int32) -> SyncError {
        SyncError(
            .cannotListen, "\(address) cannot be listened on: \(String(cString: strerror(reason)))",
            remedy: "Give an address of this machine and a port that is free; port 0 takes one.",
            exit: reason == EADDRINUSE ? .conflict : .usage)
    }

    static var additionLost: SyncError {
        SyncError(
            .additionLost,
            "two devices changed the circle at once, and the change that added this device does not count",
            remedy: "Join again: attune devices join --relay URL")
    }
}
