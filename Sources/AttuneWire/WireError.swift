// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What is wrong with a message of the sync protocol.
package enum WireFailure: String, FailureKind {
    case link = "E-WIRE-001"
    case entry = "E-WIRE-002"
    case tooLarge = "E-WIRE-003"
    case unknownVersion = "E-WIRE-004"
    case signature = "E-WIRE-005"
    case order = "E-WIRE-006"
    case refused = "E-WIRE-007"
    case unknownDevice = "E-WIRE-008"
    case revokedDevice = "E-WIRE-009"
    case unknownEpoch = "E-WIRE-010"
    case otherCircle = "E-WIRE-011"
    case payload = "E-WIRE-012"
    case request = "E-WIRE-020"
    case contentDigest = "E-WIRE-021"
    case requestSignature = "E-WIRE-022"
    case pairing = "E-WIRE-030"

    package var summary: FailureSummary {
        switch self {
        case .link: FailureSummary(.invalidData, "a link of the device chain is malformed")
        case .entry: FailureSummary(.invalidData, "an entry is malformed")
        case .tooLarge: FailureSummary(.invalidData, "a link or entry is larger than is allowed")
        case .unknownVersion: FailureSummary(.invalidData, "a version or suite that this program does not take")
        case .signature: FailureSummary(.invalidData, "the signature of a link, entry or device is wrong")
        case .order: FailureSummary(.invalidData, "a link does not follow the chain")
        case .refused: FailureSummary(.invalidData, "a link does what the circle's rules forbid")
        case .unknownDevice: FailureSummary(.invalidData, "an entry is by a device that is not in the circle")
        case .revokedDevice: FailureSummary(.invalidData, "an entry is by a device after it was revoked")
        case .unknownEpoch:
            FailureSummary(.invalidData, "an entry is of a key epoch that the device chain does not have yet")
        case .otherCircle: FailureSummary(.invalidData, "a message belongs to another circle")
        case .payload: FailureSummary(.invalidData, "what is sealed in an entry is malformed")
        case .request: FailureSummary(.network, "a request is not signed as it should be")
        case .contentDigest: FailureSummary(.network, "the body of a request is not the one that was signed")
        case .requestSignature: FailureSummary(.network, "the signature of a request is wrong")
        case .pairing: FailureSummary(.invalidData, "a pairing message is malformed")
        }
    }
}

/// What is wrong with a message of the sync protocol.
package typealias WireError = Failure<WireFailure>

extension WireError {
    /// A failure with the remedy that helps with most messages.
    private init(_ kind: WireFailure, _ message: String) {
        self.init(
            kind, message, remedy: "Sync again; if it stays, ask another device: attune sync now --direct HOST:PORT")
    }

    static func link(_ reason: String) -> WireError {
        WireError(.link, "a link of the device chain is malformed: \(reason)")
    }

    static func entry(_ reason: String) -> WireError {
        WireError(.entry, "an entry is malformed: \(reason)")
    }

    static func tooLarge(_ what: String, limit: Int) -> WireError {
        WireError(.tooLarge, "\(what) has more than the \(limit) bytes that are allowed")
    }

    static func unknownVersion(_ what: String) -> WireError {
        WireError(
            .unknownVersion, "\(what) has a version or suite that this program does not take",
            remedy: "Install the newest version of Attune on all devices.")
    }

    static func signature(_ what: String) -> WireError {
        WireError(.signature, "the signature of \(what) is wrong")
    }

    /// The link belongs to another place of the chain, or to another branch of it.
    package static func order(_ reason: String) -> WireError {
        WireError(.order, "a link does not follow the chain: \(reason)")
    }

    static func refused(_ reason: String) -> WireError {
        WireError(
            .refused, "a link does what the circle's rules forbid: \(reason)",
            remedy: "Look at the devices of the circle: attune devices list")
    }

    static func unknownDevice(_ device: DeviceID) -> WireError {
        WireError(.unknownDevice, "an entry is by device \(device.fingerprint), which is not in the circle")
    }

    static func revokedDevice(_ device: DeviceID) -> WireError {
        WireError(
            .revokedDevice, "an entry is by device \(device.fingerprint) after it was revoked",
            remedy: "Nothing has to be done: the entry does not count.")
    }

    static func unknownEpoch(_ epoch: UInt32) -> WireError {
        WireError(.unknownEpoch, "an entry is of key epoch \(epoch), which the device chain does not have yet")
    }

    package static func payload(_ reason: String) -> WireError {
        WireError(.payload, "what is sealed in an entry is malformed: \(reason)")
    }

    static var otherCircle: WireError { WireError(.otherCircle, "the message belongs to another circle") }

    static func request(_ reason: String) -> WireError {
        WireError(
            .request, "the request is not signed as it should be: \(reason)",
            remedy: "Install the newest version of Attune on this device and on the relay.")
    }

    static var contentDigest: WireError {
        WireError(
            .contentDigest, "the body of the request is not the one that was signed",
            remedy: "Look for a proxy that changes requests on the way to the relay.")
    }

    static var requestSignature: WireError {
        WireError(
            .requestSignature, "the signature of the request is wrong",
            remedy: "Check that the relay's configured authority is the name that devices use.")
    }

    static func pairing(_ reason: String) -> WireError {
        WireError(
            .pairing, "a pairing message is malformed: \(reason)",
            remedy: "Start again with a new code: attune devices add")
    }
}
