// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Why a relay refuses a request, or cannot serve: the codes that its answers carry.
package enum RelayFailure: String, FailureKind {
    case malformed = "E-RELAY-001"
    case unsigned = "E-RELAY-002"
    case clockSkew = "E-RELAY-003"
    case replayed = "E-RELAY-004"
    case revoked = "E-RELAY-005"
    case noCircle = "E-RELAY-006"
    case notFound = "E-RELAY-007"
    case circleExists = "E-RELAY-008"
    case linkRace = "E-RELAY-009"
    case badLink = "E-RELAY-010"
    case tooLarge = "E-RELAY-011"
    case wrongHash = "E-RELAY-012"
    case tooMany = "E-RELAY-013"
    case quota = "E-RELAY-014"
    case inviteRequired = "E-RELAY-015"
    case releaseLimit = "E-RELAY-016"
    case noChunk = "E-RELAY-017"
    case noMailbox = "E-RELAY-018"
    case mailboxTaken = "E-RELAY-019"
    case mailboxFull = "E-RELAY-020"
    case method = "E-RELAY-021"
    case notAcceptable = "E-RELAY-022"
    case unsupportedType = "E-RELAY-023"
    case preconditionRequired = "E-RELAY-024"
    case deleted = "E-RELAY-025"
    case secondSignature = "E-RELAY-026"
    case busy = "E-RELAY-028"
    case failed = "E-RELAY-030"
    case unavailable = "E-RELAY-031"
    case diskFull = "E-RELAY-032"
    case disk = "E-RELAY-033"
    case option = "E-RELAY-034"
    case format = "E-RELAY-035"
    case folderInUse = "E-RELAY-036"
    case noData = "E-RELAY-037"
    case unknownCircle = "E-RELAY-038"
    case unusableFile = "E-RELAY-039"
    case cannotListen = "E-RELAY-040"
    case sumsDiffer = "E-RELAY-041"

    package var summary: FailureSummary {
        switch self {
        case .malformed: FailureSummary(.invalidData, "the request, its body or a parameter cannot be read")
        case .unsigned: FailureSummary(.network, "the request has no signature of a device, or one that does not hold")
        case .clockSkew:
            FailureSummary(
                .network, "the request was signed more than 300 s away from the relay's time, which `Attune-Time` gives"
            )
        case .replayed: FailureSummary(.network, "the signed request was received before")
        case .revoked: FailureSummary(.conflict, "the device was removed from the circle")
        case .noCircle: FailureSummary(.notFound, "there is no such circle, or the device is not in it")
        case .notFound: FailureSummary(.notFound, "there is nothing at the path")
        case .circleExists: FailureSummary(.conflict, "the circle is there already")
        case .linkRace: FailureSummary(.conflict, "the newest link is another than `If-Match` names; `ETag` has it")
        case .badLink: FailureSummary(.invalidData, "a link does not continue the chain")
        case .tooLarge: FailureSummary(.invalidData, "the body is too large; `Attune-Limit` has the limit")
        case .wrongHash: FailureSummary(.invalidData, "the bytes are not those of the id or the digest")
        case .tooMany: FailureSummary(.network, "too many requests; `Retry-After` has the seconds")
        case .quota: FailureSummary(.doesNotFit, "the circle has no room; `Attune-Quota-Used` and `Attune-Quota-Limit`")
        case .inviteRequired: FailureSummary(.conflict, "circles are opened by invitation only")
        case .releaseLimit:
            FailureSummary(
                .conflict,
                "a release would free more than half of the bytes within a day, or more than 512 chunks at once")
        case .noChunk: FailureSummary(.notFound, "the circle has no such chunk")
        case .noMailbox: FailureSummary(.notFound, "there is no such mailbox, or its time is over")
        case .mailboxTaken: FailureSummary(.conflict, "another device has this side of the mailbox")
        case .mailboxFull: FailureSummary(.conflict, "this side of the mailbox is full")
        case .method: FailureSummary(.invalidData, "the method does not belong to the path")
        case .notAcceptable: FailureSummary(.invalidData, "the answer cannot be given in a form that the client takes")
        case .unsupportedType: FailureSummary(.invalidData, "the body has a type that is not read")
        case .preconditionRequired: FailureSummary(.invalidData, "`If-Match` is missing")
        case .deleted:
            FailureSummary(.notFound, "the circle was deleted and can come back until `Attune-Deleted-Until`")
        case .secondSignature: FailureSummary(.conflict, "a circle is deleted with a second signature")
        case .busy:
            FailureSummary(.network, "all memory for bodies or answers is in use; `Retry-After` has the seconds")
        case .failed: FailureSummary(.failure, "the relay failed")
        case .unavailable: FailureSummary(.network, "the store does not answer")
        case .diskFull:
            FailureSummary(.doesNotFit, "the relay's disk is full, or all circles together have what they may have")
        case .disk: FailureSummary(.failure, "the relay's system refused something")
        case .option: FailureSummary(.usage, "an option of `attune-relay` is wrong")
        case .format: FailureSummary(.invalidData, "the store has a format that this program does not know")
        case .folderInUse: FailureSummary(.storeLocked, "a relay serves the folder already")
        case .noData: FailureSummary(.noStore, "there is no relay's data in the folder")
        case .unknownCircle: FailureSummary(.notFound, "there is no such circle in the folder")
        case .unusableFile: FailureSummary(.notFound, "a file that was named cannot be used")
        case .cannotListen: FailureSummary(.usage, or: [.conflict], "an address cannot be listened on")
        case .sumsDiffer: FailureSummary(.invalidData, "sums of a relay are not what is there")
        }
    }
}
