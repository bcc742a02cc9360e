// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import HummingbirdCore
import HummingbirdTLS

/// How a relay, or a device on the local network, serves.
package struct RelayConfiguration: Sendable {
    /// Who may open circles.
    package enum Creation: Hashable, Sendable {
        case open
        /// Anyone on this machine; who comes through a proxy, by invite.
        case openHere
        case byInvite
        case never
    }

    package var host = "127.0.0.1"
    /// 0 takes a free one.
    package var port = 0
    /// Path before `/v1` as clients see it, such as `/attune`; a proxy may pass it on or take it away.
    package var basePath = ""
    /// Names that signed requests carry as @authority; empty means the address that the server listens on.
    package var authorities: [String] = []
    /// Whether requests may carry any host with the port that the server listens on, for a machine whose addresses
    /// change; what they are meant for is then for TLS with pinned keys to say.
    package var servesAnyHost = false
    package var creation = Creation.open
    package var limits = RelayLimits()
    /// Addresses of proxies whose X-Forwarded-For is believed.
    package var trustedProxies: Set<String> = []
    /// Certificate and key; plain HTTP without. Verification callbacks serve pinned certificates.
    package var tls: TLSChannelConfiguration?
    /// Bearer token of `/metrics`.
    package var metricsToken: String?
    /// Whether `/metrics` answers requests from this machine without a token: for a relay that nobody else reaches, as
    /// a proxy's requests come from this machine too.
    package var showsMetricsHere = false
    /// What `/v1/info` says.
    package var software = "attune-relay"
    /// Bytes that a circle may have, as `/v1/info` says.
    package var circleBytes: UInt64 = RetentionRules().circleBytes

    package init() {}

    /// Whether a request from this address opens a circle with an invite only.
    func isByInvite(from address: ClientAddress) -> Bool {
        switch creation {
        case .open: false
        case .openHere: !address.isLocal
        case .byInvite, .never: true
        }
    }
}
