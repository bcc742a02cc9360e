// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong while two devices pair; whatever it is, the code is spent.
package enum PairingFailure: String, FailureKind {
    case wrongCode = "E-PAIR-001"
    case badMessage = "E-PAIR-002"
    case expired = "E-PAIR-003"
    case abandoned = "E-PAIR-004"
    case refused = "E-PAIR-005"
    case noMailbox = "E-PAIR-006"
    case badCircle = "E-PAIR-007"
    case unreachable = "E-PAIR-008"

    package var summary: FailureSummary {
        switch self {
        case .wrongCode: FailureSummary(.wrongKey, "the code is wrong, and burnt")
        case .badMessage: FailureSummary(.invalidData, "a message is malformed, out of order or changed")
        case .expired: FailureSummary(.network, "the code is too old")
        case .abandoned: FailureSummary(.failure, "the other device stopped")
        case .refused: FailureSummary(.failure, "a person refused")
        case .noMailbox: FailureSummary(.notFound, "nobody waits under this code, or another device used it")
        case .badCircle: FailureSummary(.invalidData, "what the other device calls its circle is not accepted")
        case .unreachable: FailureSummary(.network, "the relay or device that would carry the messages cannot be used")
        }
    }
}

/// What can go wrong while two devices pair; whatever it is, the code is spent.
package typealias PairingError = Failure<PairingFailure>

extension PairingError {
    private static var adding: String { "attune devices add (with --relay URL for the first device)" }
    private static var anew: String { "Make a new code on the device that is in the circle: \(adding)" }

    /// `E-PAIR-001`: the two sides did not use the same code, or someone changed a message on the way.
    package static var wrongCode: PairingError {
        PairingError(
            .wrongCode, "the code is wrong; it has been burnt, because a code is good for one guess", remedy: anew)
    }

    /// `E-PAIR-002`: a message is malformed, out of order or changed.
    package static func badMessage(_ reason: String) -> PairingError {
        PairingError(.badMessage, "pairing was stopped: \(reason)", remedy: anew)
    }

    /// `E-PAIR-003`: the ten minutes are over.
    package static var expired: PairingError {
        PairingError(.expired, "the code is no longer valid: nobody used it in time", remedy: anew)
    }

    /// `E-PAIR-004`: the other side gave up.
    package static var abandoned: PairingError {
        PairingError(
            .abandoned, "the other device stopped pairing", remedy: "Look at its screen. \(anew)")
    }

    /// `E-PAIR-005`: a person said that the words differ.
    package static var refused: PairingError {
        PairingError(.refused, "pairing was refused here; the code is burnt", remedy: anew)
    }

    /// `E-PAIR-006`: there is no such code at this relay, or another device used it already.
    package static var noMailbox: PairingError {
        PairingError(
            .noMailbox, "nobody waits under this code, or another device has used it",
            remedy: "Check the code and the relay on the other device, or make a new one there: \(adding)")
    }

    /// `E-PAIR-007`: what the other device calls its circle is not one, or does not hold this device.
    package static func badCircle(_ reason: String) -> PairingError {
        PairingError(
            .badCircle, "the other device's circle is not accepted: \(reason)",
            remedy: "Do not use that device or relay until you know why.")
    }

    /// `E-PAIR-008`: the relay or device that carries the messages cannot be used.
    package static func unreachable(_ reason: String) -> PairingError {
        PairingError(.unreachable, "pairing cannot start: \(reason)", remedy: "Check the address and the network.")
    }
}
