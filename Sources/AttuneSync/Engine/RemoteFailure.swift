// Attune
// SPDX-License-Identifier: Apache-2.0

/// Why a remote gave no answer to a request.
package enum RemoteFailure: Error, Hashable, Sendable {
    /// No connection, or it broke.
    case unreachable(String)
    case timedOut
    /// 429 or 503; seconds to wait where the remote says so.
    case busy(retryAfter: Int?)
    /// 401 because the clocks differ: what to add to this machine's clock, in milliseconds.
    case clock(offset: Int64)
    /// 401 for any other reason.
    case unauthorised(String)
    /// 403: this device is not in the circle, or no longer.
    case forbidden
    /// 404 for the circle itself.
    case unknownCircle
    /// 410: the circle was deleted there; unix seconds at which it goes for good where the remote says so.
    case deleted(until: Int64?)
    /// 404 for one thing in it.
    case notFound
    /// 409 or 412.
    case conflict
    /// 413: more than a request, or the circle, may have.
    case tooLarge
    /// 507: the remote's disk or the circle's quota is full.
    case full
    /// Any other status from 500 on.
    case server(Int)
    /// An answer that is not of this protocol, or larger than it may be.
    case malformed(String)
}
