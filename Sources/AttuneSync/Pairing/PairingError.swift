// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong while two devices pair; whatever it is, the code is spent.
package struct PairingError: AttuneError, Equatable {
    package let code: String
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus

    private init(_ code: String, _ message: String, _ remedy: String, _ exitStatus: ExitStatus) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.exitStatus = exitStatus
    }

    private static let anew = "Make a new code on the device that is in the circle: attune devices add"

    /// `E-PAIR-001`: the two sides did not use the same code, or someone changed a message on the way.
    package static let wrongCode = PairingError(
        "E-PAIR-001", "the code is wrong; it has been burnt, because a code is good for one guess", anew, .wrongKey)

    /// `E-PAIR-002`: a message is malformed, out of order or changed.
    package static func badMessage(_ reason: String) -> PairingError {
        PairingError("E-PAIR-002", "pairing was stopped: \(reason)", anew, .invalidData)
    }

    /// `E-PAIR-003`: the ten minutes are over.
    package static let expired = PairingError(
        "E-PAIR-003", "the code is no longer valid: nobody used it in time", anew, .network)

    /// `E-PAIR-004`: the other side gave up.
    package static let abandoned = PairingError(
        "E-PAIR-004", "the other device stopped pairing", "Look at its screen, then: attune devices add", .failure)

    /// `E-PAIR-005`: a person said that the words differ.
    package static let refused = PairingError(
        "E-PAIR-005", "pairing was refused here; the code is burnt", anew, .failure)

    /// `E-PAIR-006`: there is no such code at this relay, or another device used it already.
    package static let noMailbox = PairingError(
        "E-PAIR-006", "nobody waits under this code, or another device has used it",
        "Check the code and the relay on the other device, or make a new one there: attune devices add", .notFound)

    /// `E-PAIR-007`: what the other device calls its circle is not one, or does not hold this device.
    package static func badCircle(_ reason: String) -> PairingError {
        PairingError(
            "E-PAIR-007", "the other device's circle is not accepted: \(reason)",
            "Do not use that device or relay until you know why.", .invalidData)
    }

    /// `E-PAIR-008`: the relay or device that carries the messages cannot be used.
    package static func unreachable(_ reason: String) -> PairingError {
        PairingError("E-PAIR-008", "pairing cannot start: \(reason)", "Check the address and the network.", .network)
    }
}
