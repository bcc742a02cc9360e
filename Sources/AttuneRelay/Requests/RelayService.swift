// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import Foundation
import Synchronization

/// What all requests of a server share.
final class RelayService: Sendable {
    let store: any RelayStore
    let mailboxes: any Mailboxes
    let configuration: RelayConfiguration
    let chains: CircleChains
    let hub = EventHub()
    let metrics = RelayMetrics()
    let replays: ReplayMemory
    let unauthenticated: TokenBuckets
    let creations: StrangerBuckets
    let requests: TokenBuckets
    let transferRate: TokenBuckets
    let visitors: MailboxVisitors
    let transfers: Slots
    let streams: Slots
    let places: ConnectionPlaces
    /// Bodies of devices' requests, as long as the requests last.
    let bodies: ByteBudget
    /// Those of who is no device: requests to open circles, and messages to mailboxes.
    let (creationBodies, mailboxBodies): (ByteBudget, ByteBudget)
    /// Answers, until their readers have them.
    let answers: ByteBudget
    let pages: Slots
    let links: TokenBuckets
    let branches: TokenBuckets
    private let authorities = Mutex<Set<String>>([])

    init(store: any RelayStore, mailboxes: any Mailboxes, configuration: RelayConfiguration) {
        self.store = store
        self.mailboxes = mailboxes
        self.configuration = configuration
        let limits = configuration.limits
        chains = CircleChains(store: store, limits: limits)
        replays = ReplayMemory(seconds: limits.nonceSeconds)
        unauthenticated = TokenBuckets(limits.unauthenticatedPerMinute, seconds: 60)
        creations = StrangerBuckets(limits.circlesPerHour, seconds: 3600)
        requests = TokenBuckets(limits.requestsPerMinute, seconds: 60)
        transferRate = TokenBuckets(limits.transfersPerMinute, seconds: 60)
        visitors = MailboxVisitors(limits.mailboxVisits)
        transfers = Slots(limits.concurrentTransfers)
        streams = Slots(limits.concurrentStreams)
        places = ConnectionPlaces(limits)
        bodies = ByteBudget(limits.bodyMemory - limits.strangerBodyMemory)
        creationBodies = ByteBudget(limits.strangerBodyMemory / 2)
        mailboxBodies = ByteBudget(limits.strangerBodyMemory / 2)
        answers = ByteBudget(limits.answerMemory)
        pages = Slots(limits.concurrentPages)
        links = TokenBuckets(limits.linksPerDay, seconds: 86_400)
        branches = TokenBuckets(limits.branchesPerDay, seconds: 86_400)
        authorities.withLock { $0 = Set(configuration.authorities.map { $0.lowercased() }) }
    }

    /// Names the address that the server listens on, where no other name is configured.
    func listens(host: String, port: Int) {
        authorities.withLock { authorities in
            guard authorities.isEmpty else { return }
            authorities.insert(host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
            if host.hasPrefix("127.") || host == "::1" { authorities.insert("localhost:\(port)") }
        }
    }

    /// Whether requests may name this authority.
    func serves(_ authority: String) -> Bool {
        authorities.withLock { names in
            let authority = authority.lowercased()
            guard configuration.servesAnyHost, let colon = authority.lastIndex(of: ":") else {
                return names.contains(authority)
            }
            return names.contains { $0.hasSuffix(authority[colon...]) }
        }
    }

    /// The name that clients are told to sign with.
    var authority: String {
        authorities.withLock { names in
            configuration.authorities.first?.lowercased() ?? names.sorted { !$0.hasPrefix("l") && $1.hasPrefix("l") }
                .first
                ?? ""
        }
    }

    /// Unix milliseconds.
    var now: UInt64 { UInt64(max(0, Date().timeIntervalSince1970 * 1000)) }
}
