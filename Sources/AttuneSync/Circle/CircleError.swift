// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can be wrong with this device's place in its circle.
package enum CircleFailure: String, FailureKind {
    case noCircle = "E-DEVICE-001"
    case damagedCircle = "E-DEVICE-006"
    case notADevice = "E-DEVICE-010"

    package var summary: FailureSummary {
        switch self {
        case .noCircle: FailureSummary(.keyRequired, "the store is in no circle of devices")
        case .damagedCircle: FailureSummary(.invalidData, "what the store holds of its circle does not fit together")
        case .notADevice: FailureSummary(.conflict, "this device is not in its circle any more")
        }
    }
}

/// What can be wrong with this device's place in its circle.
package typealias CircleError = Failure<CircleFailure>

extension CircleError {
    /// `E-DEVICE-001`: the store is in no circle.
    package static var noCircle: CircleError {
        CircleError(
            .noCircle, "this store is in no circle of devices yet",
            remedy: "Begin one: attune devices add --relay URL. Or join one: attune devices join --relay URL")
    }

    /// `E-DEVICE-006`: the kept links, keys and id are not of one circle.
    package static var damagedCircle: CircleError {
        CircleError(
            .damagedCircle, "what the store holds of its circle does not fit together",
            remedy: "Restore the store from a backup, or join again: attune devices join --relay URL")
    }

    /// `E-DEVICE-010`: the addition of this device does not count any more.
    static let notADevice = noMember("this device is not in its circle any more")

    /// `E-DEVICE-010`, where a link says why.
    static let shutOut = noMember("this device was shut out of its circle")

    private static func noMember(_ message: String) -> CircleError {
        CircleError(
            .notADevice, message,
            remedy: "What is here stays; join again as a new device: attune devices join --relay URL")
    }
}
