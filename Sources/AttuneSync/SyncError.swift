// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong while a device syncs.
package enum SyncFailure: String, FailureKind {
    case unreachable = "E-SYNC-001"
    case misbehaved = "E-SYNC-002"
    case unknownCircle = "E-SYNC-003"
    case revoked = "E-SYNC-004"
    case ownLogLost = "E-SYNC-005"
    case ownLogForked = "E-SYNC-006"
    case full = "E-SYNC-007"
    case newerEntries = "E-SYNC-008"
    case suspicious = "E-SYNC-009"
    case refused = "E-SYNC-010"
    case busy = "E-SYNC-011"
    case chunksAbsent = "E-SYNC-012"
    case paused = "E-SYNC-013"
    case noRelay = "E-SYNC-014"
    case additionLost = "E-SYNC-015"
    case brokeRules = "E-SYNC-016"
    case placesTaken = "E-SYNC-018"
    case deleted = "E-SYNC-019"
    case otherBranch = "E-SYNC-020"
    case badContent = "E-SYNC-060"
    case keyIsAbsent = "E-SYNC-061"
    case keyIsRefused = "E-SYNC-062"
    case noDevice = "E-SYNC-070"
    case otherPeer = "E-SYNC-071"
    case nobodyElse = "E-SYNC-072"
    case noDiscovery = "E-SYNC-073"
    case cannotListen = "E-SYNC-074"

    package var summary: FailureSummary {
        switch self {
        case .unreachable: FailureSummary(.network, "a remote cannot be reached")
        case .misbehaved: FailureSummary(.invalidData, "a remote gave something that was refused")
        case .unknownCircle: FailureSummary(.notFound, "a remote does not know the circle")
        case .revoked: FailureSummary(.conflict, "this device is not in the circle any more")
        case .ownLogLost: FailureSummary(.conflict, "the store was set back, and what it published since is nowhere")
        case .ownLogForked: FailureSummary(.conflict, "this device's own log has two entries in one place")
        case .full: FailureSummary(.doesNotFit, "a remote takes no more")
        case .newerEntries: FailureSummary(.partial, "a device writes entries of a newer version")
        case .suspicious: FailureSummary(.conflict, "something about a log or the device chain is suspicious")
        case .refused: FailureSummary(.network, "a remote does not take this device's requests")
        case .busy: FailureSummary(.network, "a remote is busy")
        case .chunksAbsent: FailureSummary(.partial, "chunks that are wanted here are not on the remote")
        case .paused: FailureSummary(.conflict, "sync is paused")
        case .noRelay: FailureSummary(.usage, "no relay is set")
        case .additionLost: FailureSummary(.conflict, "the addition of this device does not count")
        case .brokeRules: FailureSummary(.invalidData, "a device has signed what breaks the rules of the log")
        case .placesTaken:
            FailureSummary(.doesNotFit, "a device has as many entries on a remote as one device may have there")
        case .deleted: FailureSummary(.notFound, "the circle was deleted on a remote, and can come back")
        case .otherBranch: FailureSummary(.conflict, "a remote keeps links of the circle's devices that do not count")
        case .badContent: FailureSummary(.invalidData, "an entry of the circle has content that is refused")
        case .keyIsAbsent: FailureSummary(.partial, "the key of an entry's epoch is not here yet")
        case .keyIsRefused: FailureSummary(.conflict, "the keys that a device gave the circle do not open")
        case .noDevice: FailureSummary(.network, "no device answers at an address")
        case .otherPeer: FailureSummary(.wrongKey, "the device at an address is not one of the circle")
        case .nobodyElse: FailureSummary(.network, "no device of the circle is on this network")
        case .noDiscovery: FailureSummary(.network, "devices on this network cannot be looked for")
        case .cannotListen: FailureSummary(.usage, or: [.conflict], "an address cannot be listened on")
        }
    }
}

/// What can go wrong while a device syncs.
package typealias SyncError = Failure<SyncFailure>
