// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

extension RelayError {
    /// The request, its body or a parameter cannot be read.
    static func malformed(_ what: String) -> RelayError {
        RelayError(.malformed, 400, what, remedy: "Update the client.")
    }

    /// The request expects something else than to be told when its body is wanted.
    static let expectation = RelayError(
        .malformed, 417, "of expectations the relay knows 100-continue only", remedy: "Update the client.")

    /// The body is coded in a way that the relay does not know.
    static let coding = RelayError(
        .malformed, 501, "of transfer codings the relay knows chunked only", remedy: "Update the client.")

    /// An answer that only HTTP/1.1 can end.
    static let oldVersion = RelayError(
        .malformed, 505, "a stream of events needs HTTP/1.1", remedy: "Update the client, or ask with wait=60.")

    /// No signature, or one that does not hold.
    static func unsigned(_ what: String, time: UInt64) -> RelayError {
        RelayError(
            .unsigned, 401, what, remedy: "Sign the request with the key of a device of the circle.",
            fields: ["Attune-Time": String(time)])
    }

    /// The clock of the signer is more than 300 s away.
    static func clockSkew(time: UInt64) -> RelayError {
        RelayError(
            .clockSkew, 401, "the request was signed more than 300 s before or after the relay's time",
            remedy: "Sign again with the time in Attune-Time.", fields: ["Attune-Time": String(time)])
    }

    /// The nonce was used before.
    static func replayed(time: UInt64) -> RelayError {
        RelayError(
            .replayed, 401, "this signed request was received before", remedy: "Sign again with a new nonce.",
            fields: ["Attune-Time": String(time)])
    }

    /// The device was revoked.
    static let revoked = RelayError(
        .revoked, 403, "this device was removed from the circle",
        remedy: "Add it again from a device of the circle: attune devices add.")

    /// There is no such circle, or the device is not in it: both look the same from outside.
    static let noCircle = RelayError(
        .noCircle, 404, "there is no such circle here, or this device is not in it",
        remedy: "Check the relay's address.")

    /// There is nothing at this path.
    static let notFound = RelayError(
        .notFound, 404, "there is nothing at this path", remedy: "Check the address of the relay.")

    /// The circle is there already.
    static let circleExists = RelayError(.circleExists, 409, "the circle is on this relay already", remedy: nil)

    /// Links were appended meanwhile.
    static func linkRace(head: LinkPosition) -> RelayError {
        RelayError(
            .linkRace, 412, "the newest link is another than If-Match names", remedy: "Read the links and try again.",
            fields: ["ETag": "\"\(head.hash)\""])
    }

    /// A link does not continue the chain.
    static func badLink(_ cause: any Error) -> RelayError {
        RelayError(
            .badLink, 422, "a link does not continue the chain", remedy: "Read the links and sign again.", cause: cause)
    }

    /// A body is larger than its kind may be.
    static func tooLarge(limit: Int) -> RelayError {
        RelayError(
            .tooLarge, 413, "the body is larger than \(limit) bytes", remedy: "Send less at once.",
            fields: ["Attune-Limit": String(limit)])
    }

    /// The bytes do not have the hash that names them.
    static let wrongHash = RelayError(
        .wrongHash, 422, "the bytes are not those that the id or the digest names", remedy: "Send the chunk again.")

    /// Too many requests.
    static func tooMany(_ what: String, retryAfter: Int) -> RelayError {
        RelayError(
            .tooMany, 429, "too many \(what)", remedy: "Try again in \(retryAfter) s.",
            fields: ["Retry-After": String(retryAfter)])
    }

    /// The circle has no room.
    static func quota(used: UInt64, limit: UInt64) -> RelayError {
        RelayError(
            .quota, 507, "the circle uses \(used) of \(limit) bytes on this relay",
            remedy: "Drop old versions, or ask the relay's operator for more: attune-relay quota.",
            fields: ["Attune-Quota-Used": String(used), "Attune-Quota-Limit": String(limit)])
    }

    /// The relay opens circles by invitation only.
    static let inviteRequired = RelayError(
        .inviteRequired, 403, "this relay opens circles by invitation only, and the invite is missing or used",
        remedy: "Ask its operator for one: attune-relay invite.")

    /// A release of more than half of the bytes within a day.
    static let releaseLimit = RelayError(
        .releaseLimit, 403, "a release frees at most half of the circle's bytes within a day",
        remedy: "Try again tomorrow, or confirm with the recovery words.")

    /// The chunk is not there.
    static let noChunk = RelayError(
        .noChunk, 404, "the circle has no such chunk here", remedy: "Ask a device that has the version.")

    /// The mailbox is unknown, over or burnt.
    static let noMailbox = RelayError(
        .noMailbox, 404, "there is no such mailbox, or its time is over", remedy: "Ask for a new code.")

    /// Somebody else has this side of the mailbox.
    static let mailboxTaken = RelayError(
        .mailboxTaken, 409, "another device has this side of the mailbox", remedy: "Ask for a new code.")

    /// The mailbox is full.
    static let mailboxFull = RelayError(
        .mailboxFull, 409, "this side of the mailbox has all the messages it may have", remedy: "Ask for a new code.")

    /// The method does not belong to the path.
    static func method(allowed: String) -> RelayError {
        RelayError(
            .method, 405, "this path knows \(allowed) only", remedy: "Update the client.", fields: ["Allow": allowed])
    }

    /// The answer cannot be given in a form that the client takes.
    static let notAcceptable = RelayError(
        .notAcceptable, 406, "answers are application/protobuf or application/json", remedy: "Update the client.")

    /// The body has a type that the relay does not read.
    static let unsupportedType = RelayError(
        .unsupportedType, 415, "bodies are application/protobuf or application/json, chunks application/octet-stream",
        remedy: "Update the client.")

    /// If-Match is missing.
    static let preconditionRequired = RelayError(
        .preconditionRequired, 428, "links are appended with If-Match and the hash of the newest link",
        remedy: "Update the client.")

    /// The circle was deleted, and can come back.
    static func deleted(until: Int64) -> RelayError {
        RelayError(
            .deleted, 410, "the circle was deleted here, and goes for good later",
            remedy: "A device of it brings it back: attune sync undelete.",
            fields: ["Attune-Deleted-Until": String(until)])
    }

    /// The deletion of a circle has no second signature.
    static let secondSignature = RelayError(
        .secondSignature, 403, "a circle is deleted with the signature of a second device or of the recovery words",
        remedy: "Sign the circle as it is now with both.")

    /// All memory for bodies or answers is in use.
    static let busy = RelayError(
        .busy, 503, "the relay has no room for this request now", remedy: "Try again in 2 s.",
        fields: ["Retry-After": "2"])
}
