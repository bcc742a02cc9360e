// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

/// Whom to sync with.
struct SyncRemoteOptions: ParsableArguments {
    @Option(help: "Another relay than the circle's.") var relay: String?
    @Option(help: "A device of the circle that runs attune sync serve: HOST:PORT.") var direct: NetworkAddress?
    @Flag(help: "Devices of the circle on this network, found by mDNS, although there is a relay.") var nearby = false

    func validate() throws {
        guard [relay != nil, direct != nil, nearby].count(where: { $0 }) < 2 else {
            throw ValidationError("give one of --relay, --direct and --nearby")
        }
    }

    /// Where nothing is given: the circle's relay, or without one the devices nearby.
    func remote(for workspace: Workspace) throws -> SyncRemote {
        if let direct { return .direct(host: direct.host, port: direct.port) }
        if nearby { return .nearby }
        if relay == nil, try workspace.relay() == nil { return .nearby }
        return .relay(relay)
    }
}
