// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What is wrong with a message of the sync protocol.
package struct WireError: AttuneError, Equatable {
    package let code: String
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus

    private init(
        _ code: String, _ message: String,
        _ remedy: String = "Sync again; if it stays, ask another device: attune sync now --direct HOST:PORT",
        _ exitStatus: ExitStatus = .invalidData
    ) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.exitStatus = exitStatus
    }

    static func link(_ reason: String) -> WireError {
        WireError("E-WIRE-001", "a link of the device chain is malformed: \(reason)")
    }

    static func entry(_ reason: String) -> WireError {
        WireError("E-WIRE-002", "an entry is malformed: \(reason)")
    }

    static func tooLarge(_ what: String, limit: Int) -> WireError {
        WireError("E-WIRE-003", "\(what) has more than the \(limit) bytes that are allowed")
    }

    static func unknownVersion(_ what: String) -> WireError {
        WireError(
            "E-WIRE-004", "\(what) has a version or suite that this program does not take",
            "Install the newest version of Attune on all devices.")
    }

    static func signature(_ what: String) -> WireError {
        WireError("E-WIRE-005", "the signature of \(what) is wrong")
    }

    /// The link belongs to another place of the chain, or to another branch of it.
    package static func order(_ reason: String) -> WireError {
        WireError("E-WIRE-006", "a link does not follow the chain: \(reason)")
    }

    static func refused(_ reason: String) -> WireError {
        WireError(
            "E-WIRE-007", "a link does what the circle's rules forbid: \(reason)",
            "Look at the devices of the circle: attune devices list")
    }

    static func unknownDevice(_ device: DeviceID) -> WireError {
        WireError("E-WIRE-008", "an entry is by device \(device.fingerprint), which is not in the circle")
    }

    static func revokedDevice(_ device: DeviceID) -> WireError {
        WireError(
            "E-WIRE-009", "an entry is by device \(device.fingerprint) after it was revoked",
            "Nothing has to be done: the entry does not count.")
    }

    static func unknownEpoch(_ epoch: UInt32) -> WireError {
        WireError("E-WIRE-010", "an entry is of key epoch \(epoch), which the device chain does not have yet")
    }

    package static func payload(_ reason: String) -> WireError {
        WireError("E-WIRE-012", "what is sealed in an entry is malformed: \(reason)")
    }

    static let otherCircle = WireError("E-WIRE-011", "the message belongs to another circle")

    static func request(_ reason: String) -> WireError {
        WireError(
            "E-WIRE-020", "the request is not signed as it should be: \(reason)",
            "Install the newest version of Attune on this device and on the relay.", .network)
    }

    static let contentDigest = WireError(
        "E-WIRE-021", "the body of the request is not the one that was signed",
        "Look for a proxy that changes requests on the way to the relay.", .network)

    static let requestSignature = WireError(
        "E-WIRE-022", "the signature of the request is wrong",
        "Check that the relay's configured authority is the name that devices use.", .network)

    static func pairing(_ reason: String) -> WireError {
        WireError(
            "E-WIRE-030", "a pairing message is malformed: \(reason)", "Start again with a new code: attune devices add"
        )
    }
}
