// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation

extension RelayError {
    /// Something in the relay failed; the log says what.
    static func failed(_ cause: any Error) -> RelayError {
        RelayError(
            .failed, 500, "the relay failed", remedy: "Try again; its operator finds the cause in its log.",
            cause: cause)
    }

    /// The store cannot write.
    static func unavailable(_ cause: (any Error)?) -> RelayError {
        RelayError(
            .unavailable, 503, "the relay's store does not answer", remedy: "Try again later.",
            fields: ["Retry-After": "5"], cause: cause)
    }

    /// The disk of the relay is full.
    static let diskFull = RelayError(
        .diskFull, 507, "the relay's disk is full", remedy: "Free space, or run attune-relay gc.")

    /// All circles together have as much as the operator lets them have.
    static let relayFull = RelayError(
        .diskFull, 507, "the relay holds as much as its operator lets it hold",
        remedy: "Ask its operator for more: attune-relay serve --total-bytes.")

    /// A system call failed.
    static func disk(_ call: String, _ number: Int32) -> RelayError {
        if number == ENOSPC || number == EDQUOT { return diskFull }
        return RelayError(
            .disk, 500, "\(call): \(String(cString: strerror(number)))",
            remedy: "Check the relay's folder and its permissions.")
    }

    /// The store has a format of a newer program, or of another.
    package static func format(_ what: String) -> RelayError {
        RelayError(.format, 500, what, remedy: "Update attune-relay.")
    }
}
