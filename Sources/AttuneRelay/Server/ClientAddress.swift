// Attune
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore

/// The address that a request counts for.
struct ClientAddress: Hashable, Sendable {
    let text: String
    /// Whether the connection itself comes from this machine, and no proxy says that it passes something on.
    let isLocal: Bool

    /// - Parameter trusted: proxies whose `X-Forwarded-For` is believed; from others the field means nothing.
    init(_ channel: any Channel, fields: HTTPFields, trusted: Set<String>) {
        let peer = channel.remoteAddress?.ipAddress ?? "local"
        let forwarded = HTTPField.Name("X-Forwarded-For").flatMap { fields[$0] }
        isLocal = forwarded == nil && (peer == "local" || peer == "::1" || peer.hasPrefix("127."))
        guard trusted.contains(peer), let forwarded else {
            text = peer
            return
        }
        // The last address that a trusted proxy did not add itself is the client's.
        let hops = forwarded.split(separator: ",").map { String($0.filter { $0 != " " }) }
        text = String((hops.last { !trusted.contains($0) } ?? peer).prefix(45))
    }

    /// What limits are counted by: an IPv6 customer has a whole /64.
    var bucket: String {
        guard text.contains(":") else { return text }
        return text.split(separator: ":", omittingEmptySubsequences: false).prefix(4).joined(separator: ":")
    }
}
