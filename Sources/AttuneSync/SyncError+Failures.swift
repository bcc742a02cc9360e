// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation

extension SyncError {
    static func unreachable(_ remote: String, _ reason: String) -> SyncError {
        SyncError(
            code: "E-SYNC-001", message: "\(remote) cannot be reached: \(reason)",
            remedy: "Check the network and try again: attune sync now; nothing is lost meanwhile.",
            exitStatus: .network)
    }

    static func misbehaved(_ remote: String, _ reason: String) -> SyncError {
        SyncError(
            code: "E-SYNC-002", message: "\(remote) gave something that was refused: \(reason)",
            remedy:
                "Nothing of it was kept; see attune sync log, and sync with another device: attune sync now --direct HOST:PORT",
            exitStatus: .invalidData)
    }

    static func unknownCircle(_ remote: String) -> SyncError {
        SyncError(
            code: "E-SYNC-003", message: "\(remote) does not know this circle",
            remedy: "Check its address, or bring the circle to it: attune devices add --relay URL",
            exitStatus: .notFound)
    }

    package static func revoked(_ remote: String) -> SyncError {
        SyncError(
            code: "E-SYNC-004", message: "this device is not in the circle any more, says \(remote)",
            remedy: "What is here stays; join again as a new device: attune devices join --relay URL",
            exitStatus: .conflict)
    }

    /// The store was set back, and nobody has the entries that are missing.
    static let ownLogLost = SyncError(
        code: "E-SYNC-005",
        message: "this store was set back to an older copy, and entries that it published since are nowhere",
        remedy:
            "Sync with the device that may have them: attune sync now --direct HOST:PORT; else shut this one out from another device, attune devices revoke NAME, and join anew here: attune devices join --relay URL",
        exitStatus: .conflict)

    /// Two entries by this device have one place in its log.
    static let ownLogForked = SyncError(
        code: "E-SYNC-006", message: "this device's own log has two entries in one place, as after a copied store",
        remedy:
            "Keep one copy of the store; shut it out from another device, attune devices revoke NAME, and join anew with it: attune devices join --relay URL",
        exitStatus: .conflict)

    static func full(_ remote: String) -> SyncError {
        SyncError(
            code: "E-SYNC-007", message: "\(remote) takes no more: the circle's space is used up",
            remedy: "Let the relay drop versions that nobody needs (attune adapters rm), or ask for more space.",
            exitStatus: .doesNotFit)
    }

    /// A device has as many entries as one device may have on a remote.
    static func placesTaken(_ device: DeviceID, isThis: Bool, _ remote: String) -> SyncError {
        SyncError(
            code: "E-SYNC-018",
            message:
                "\(isThis ? "this device" : "device \(device.fingerprint)") has as many entries on \(remote) as one device may have there",
            remedy: isThis
                ? "Ask the relay's operator for more: attune-relay serve --device-entries."
                : "Is it one of yours? If not, shut it out: attune devices revoke \(device.fingerprint)",
            exitStatus: .doesNotFit)
    }

    /// A circle was deleted at a remote, and can come back.
    package static func deleted(_ remote: String, until: Int64?) -> SyncError {
        let end = until.map {
            " on " + Date(timeIntervalSince1970: Double($0)).formatted(.iso8601.year().month().day())
        }
        return SyncError(
            code: "E-SYNC-019", message: "the circle was deleted on \(remote) and goes for good\(end ?? " later")",
            remedy: "If you did not mean that, bring it back: attune sync undelete", exitStatus: .notFound)
    }

    static func newerEntries(_ device: DeviceID) -> SyncError {
        SyncError(
            code: "E-SYNC-008",
            message: "device \(device.fingerprint) writes entries that this version of Attune does not know",
            remedy: "Install the newest version of Attune here; its entries wait until then.", exitStatus: .partial)
    }

    /// A device signed what breaks the rules of the log: nobody else is to blame for it.
    static func brokeRules(_ device: DeviceID, _ reason: String) -> SyncError {
        SyncError(
            code: "E-SYNC-016",
            message: "device \(device.fingerprint) has published something that is refused: \(reason)",
            remedy:
                "The other devices go on without it; if it is in the wrong hands, shut it out: attune devices revoke \(device.fingerprint)",
            exitStatus: .invalidData)
    }

    static func suspicious(_ what: String) -> SyncError {
        SyncError(
            code: "E-SYNC-009", message: what,
            remedy: "Look at what is open, and settle it or shut a device out: attune sync settle",
            exitStatus: .conflict)
    }

    static func refused(_ remote: String, _ reason: String) -> SyncError {
        SyncError(
            code: "E-SYNC-010", message: "\(remote) does not take this device's requests: \(reason)",
            remedy: "Check that its address is the one it was set up with, and this machine's clock.",
            exitStatus: .network)
    }

    static func busy(_ remote: String, seconds: Int) -> SyncError {
        SyncError(
            code: "E-SYNC-011", message: "\(remote) is busy and asks to wait \(seconds) s",
            remedy: "Try again later: attune sync now", exitStatus: .network)
    }

    static func chunksAbsent(_ count: Int, _ remote: String) -> SyncError {
        SyncError(
            code: "E-SYNC-012", message: "\(count) chunks of adapters that are wanted here are not on \(remote)",
            remedy: "Sync on the device that made them, then here: attune sync now", exitStatus: .partial)
    }

    package static let paused = SyncError(
        code: "E-SYNC-013", message: "sync is paused", remedy: "Let it go on: attune sync resume", exitStatus: .conflict
    )

    package static let noRelay = noRelay(
        remedy: "Set one with attune devices add --relay URL, or sync directly: attune sync now --direct HOST:PORT")

    package static func noRelay(remedy: String) -> SyncError {
        SyncError(
            code: "E-SYNC-014", message: "no relay is set for this circle", remedy: remedy, exitStatus: .usage)
    }

    package static func cannotListen(_ address: String, _ reason: Int32) -> SyncError {
        SyncError(
            code: "E-SYNC-074", message: "\(address) cannot be listened on: \(String(cString: strerror(reason)))",
            remedy: "Give an address of this machine and a port that is free; port 0 takes one.",
            exitStatus: reason == EADDRINUSE ? .conflict : .usage)
    }

    static let additionLost = SyncError(
        code: "E-SYNC-015",
        message: "two devices changed the circle at once, and the change that added this device does not count",
        remedy: "Join again: attune devices join --relay URL", exitStatus: .conflict)
}
