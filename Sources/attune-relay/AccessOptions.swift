// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneRelay
import Foundation

/// Who reaches a relay, and by which names.
struct AccessOptions: ParsableArguments {
    @Flag(help: "Let anyone open a circle; the default where only this machine can reach the relay.") var open = false
    @Flag(help: "Let circles be opened with a token of attune-relay invite only; the default elsewhere.")
    var inviteOnly = false
    @Option(
        help:
            "Host, and port unless it is the usual one, by which devices reach the relay; may be given more than once.")
    var authority: [String] = []
    @Option(help: "Path before /v1 as devices see it, such as /attune, where a proxy serves more than the relay.")
    var basePath = ""
    @Option(help: "Address of a proxy whose X-Forwarded-For is believed; may be given more than once.")
    var trustedProxy: [String] = []
    @Option(help: "Certificate chain, PEM; with --tls-key the relay itself speaks TLS 1.3.") var tlsCertificate: String?
    @Option(help: "Private key of the certificate, PEM.") var tlsKey: String?

    func configuration(_ address: ListenAddress) throws -> RelayConfiguration {
        guard !(open && inviteOnly) else {
            throw RelayProcessError.option("--open and --invite-only exclude each other")
        }
        guard basePath.isEmpty || basePath.hasPrefix("/") && !basePath.hasSuffix("/") else {
            throw RelayProcessError.option("--base-path begins with a slash and does not end with one")
        }
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw RelayProcessError.option("--tls-certificate and --tls-key belong together")
        }
        var configuration = RelayConfiguration()
        configuration.host = address.host
        configuration.port = address.port
        configuration.basePath = basePath
        configuration.authorities = authority
        configuration.trustedProxies = Set(trustedProxy)
        // A relay that has a name or a proxy is for others too, though it listens on a loopback address.
        let isPrivate = address.isLoopback && trustedProxy.isEmpty && authority.isEmpty && basePath.isEmpty
        configuration.creation = open ? .open : isPrivate && !inviteOnly ? .openHere : .byInvite
        configuration.showsMetricsHere = isPrivate
        configuration.metricsToken = ProcessInfo.processInfo.environment["ATTUNE_RELAY_METRICS_TOKEN"]
        if let tlsCertificate, let tlsKey {
            configuration.tls = try RelayTLS.configuration(certificate: tlsCertificate, key: tlsKey)
        }
        return configuration
    }
}
