// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync

extension KitError {
    /// `E-DEVICE-002`: the store belongs to a circle with other devices.
    static var inOtherCircle: KitError {
        KitError(
            .inOtherCircle, "this store is in a circle with other devices, and a store is in one circle only",
            remedy:
                "Leave that circle with all that is here: attune key show --new-recovery --new-circle, and join then. "
                + "Or join with a store of its own: attune init --store DIR --join --relay URL")
    }

    /// `E-DEVICE-003`, of a device that another one shut out before.
    static func isShutOut(_ device: DeviceListing) -> KitError {
        KitError(
            .noDevice, "\(device.name) (\(device.fingerprint)) is not in the circle any more",
            remedy: "See who was shut out: attune devices list --all")
    }

    /// `E-DEVICE-003`, of what a device published.
    static func noEntry(_ seq: UInt64, of device: String) -> KitError {
        KitError(
            .noDevice, "\(device) has published no entry \(seq) that is here",
            remedy: "See what it did: attune sync undo \(ShellWord.quoted(device))")
    }

    static func noDevice(_ name: String) -> KitError {
        KitError(
            .noDevice, "no device of the circle is called \(name)", remedy: "Look at the names: attune devices list")
    }

    /// `E-DEVICE-015`: another device has the name, or one that looks the same.
    static func deviceNameTaken(_ name: String, by device: DeviceListing) -> KitError {
        KitError(
            .deviceNameTaken,
            "\(device.name) (\(device.fingerprint)) is called \(name), or has a name that looks the same",
            remedy: "Choose another name; who has which: attune devices list")
    }

    /// `E-DEVICE-016`: a name alone does not say which device is meant.
    static func nameInDoubt(_ device: DeviceListing) -> KitError {
        let former = device.formerNames.first.map { ", and was \($0) before" } ?? ""
        return KitError(
            .nameInDoubt,
            "\(device.name) is a new name, or was another device's: \(device.fingerprint) has it now\(former)",
            remedy: "Name its fingerprint: attune devices revoke \(device.fingerprint)")
    }

    /// `E-DEVICE-004`: devices have names that are, or look, the same, or the same as a person's.
    static func severalDevices(_ name: String, _ devices: [DeviceListing], orPerson: Bool = false) -> KitError {
        let all = devices.map { "\($0.name) (\($0.fingerprint))" }.joined(separator: ", ")
        return KitError(
            .severalDevices,
            orPerson
                ? "a person is called \(name), and a device is called so or looks as if it were: \(all)"
                : "several devices are called \(name), or look as if they were: \(all)",
            remedy: orPerson
                ? "Name the device's fingerprint, or share with the person: attune adapters share NAME --with PERSON FILE"
                : "Name the fingerprint instead: attune devices list --all")
    }

    package static var revokesItself: KitError {
        KitError(.revokesItself, "a device cannot revoke itself", remedy: "Revoke it on another device of the circle.")
    }

    static var otherRecoveryWords: KitError {
        KitError(
            .otherRecoveryWords, "these are not the recovery words of this circle",
            remedy:
                "attune init showed them on the first device, or attune key show --new-recovery where they were replaced since."
        )
    }

    static var noRecoveryWords: KitError {
        KitError(
            .noRecoveryWords, "this needs the recovery words, and the circle has none",
            remedy: "Make some: attune key show --new-recovery")
    }

    /// `E-DEVICE-017`: nothing says that the circle's recovery words may end.
    package static var wordsNeedAgreement: KitError {
        KitError(
            .wordsNeedAgreement,
            "the recovery words of the circle end only with those words at hand, or if a second device agrees",
            remedy:
                "Give the earlier words: attune key show --new-recovery --words-file FILE. Lost? On another device: attune devices revoke \"recovery words\" --write-confirmation FILE, and here: attune key show --new-recovery --confirmation FILE. No other device? Begin a new circle: attune key show --new-recovery --new-circle"
        )
    }

    static func notAnAddress(_ text: String) -> KitError {
        KitError(
            .notAnAddress, "\(text) is not an address", remedy: "Give a relay as https://HOST, a device as HOST:PORT")
    }

    /// `E-DEVICE-011`: a relay did not do what was asked.
    static func remote(_ failure: RemoteFailure, _ relay: String) -> KitError {
        let (reason, remedy): (String, String) =
            switch failure {
            case .unreachable(let reason): (reason, "Check the address and the network.")
            case .timedOut: ("it does not answer", "Check the address and the network.")
            case .forbidden, .unauthorised:
                (
                    "it refuses this device",
                    "Does it ask for an invite? attune sync relay \(relay) --invite-file FILE; for a device that is alone yet: attune devices add --relay \(relay) --invite-file FILE"
                )
            case .unknownCircle, .notFound: ("it does not know the circle", "Check its address.")
            case .deleted: ("the circle was deleted there", "Bring it back: attune sync undelete")
            case .busy: ("it is busy", "Try again in a minute.")
            case .full, .tooLarge: ("it has no room", "Ask for more space, or use another relay.")
            case .clock: ("the clocks differ", "Set this machine's clock.")
            case .conflict: ("another device changed the circle at the same moment", "Try again.")
            case .server(let status): ("it failed with status \(status)", "Try again later.")
            case .malformed(let reason): ("it gave \(reason)", "Is that the address of a relay?")
            }
        return KitError(.remote, "\(relay) cannot be used: \(reason)", remedy: remedy)
    }

    /// `E-DEVICE-012`: the relay has other links than this device.
    static func linksDiffer(_ relay: String) -> KitError {
        linksDiffer(relay, remedy: "Settle it first: attune sync now --relay \(relay)")
    }

    /// `E-DEVICE-012`: a file has other links than this device.
    static func linksDiffer(file: String) -> KitError {
        linksDiffer(
            file, remedy: "Sync here and on the device that made it, attune sync now, and let that make the file anew.")
    }

    private static func linksDiffer(_ what: String, remedy: String) -> KitError {
        KitError(
            .linksDiffer, "\(what) has another history of the circle's devices than this one", remedy: remedy)
    }

    /// `E-DEVICE-014`: a second device agreed to something else.
    static var otherConfirmation: KitError {
        KitError(
            .otherDeletion,
            "the confirmation is for other devices, for an earlier state of the circle, or not from another device that is in it",
            remedy:
                "Sync both devices, then make it anew on the second device: attune devices revoke NAMES --write-confirmation FILE"
        )
    }

    /// `E-DEVICE-013`: another device changed the circle while this one was pairing.
    static var circleMoved: KitError {
        KitError(
            .circleMoved, "another device changed the circle in the meantime", remedy: "Try again: attune devices add")
    }
}
