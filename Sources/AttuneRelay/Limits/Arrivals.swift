// Attune
// SPDX-License-Identifier: Apache-2.0

/// How often strangers may connect: whoever connects again and again costs no more than the look at its address.
final class Arrivals: Sendable {
    private let networks: TokenBuckets
    /// Who may wait at once to be let in.
    let waiting: Int
    /// Who is let in each 10 ms: to set up a connection takes from those who are served.
    let atOnce: Int

    init(_ limits: RelayLimits) {
        let burst = 4 * max(64, limits.connectionsPerAddress)
        networks = TokenBuckets(burst, seconds: 4)
        waiting = max(burst, limits.connections / 4)
        atOnce = max(1, limits.connections / 800)
    }

    /// Counts a new connection; false if it is to be closed at once.
    func admit(_ address: ClientAddress) -> Bool { networks.take(address.network) == nil }
}

/// Connections that wait to be let in: networks have their turns, so that who comes seldom passes a crowd.
struct ArrivalTurns<Connection> {
    private var waiting: [String: [Connection]] = [:]
    /// Networks of which somebody waits, whose turn comes first.
    private var turns: [String] = []
    private var count = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Adds one and returns who waits no more, if too many do: the newest of the network of which most wait.
    mutating func add(_ connection: Connection, of network: String) -> Connection? {
        if waiting[network] == nil { turns.append(network) }
        waiting[network, default: []].append(connection)
        count += 1
        guard count > limit, let most = waiting.values.map(\.count).max() else { return nil }
        let isOwn = waiting[network]?.count == most
        return take(of: isOwn ? network : turns.first { waiting[$0]?.count == most }) { $0.removeLast() }
    }

    /// The oldest of the network whose turn it is.
    mutating func next() -> Connection? {
        let network = turns.first
        let connection = take(of: network) { $0.removeFirst() }
        if let network, turns.first == network { turns.append(turns.removeFirst()) }
        return connection
    }

    /// All of them; nobody waits any more.
    mutating func removeAll() -> [Connection] {
        defer { self = ArrivalTurns(limit: limit) }
        return waiting.values.flatMap { $0 }
    }

    private mutating func take(of network: String?, _ body: (inout [Connection]) -> Connection) -> Connection? {
        guard let network, var connections = waiting[network] else { return nil }
        count -= 1
        let connection = body(&connections)
        waiting[network] = connections.isEmpty ? nil : connections
        if connections.isEmpty { turns.removeAll { $0 == network } }
        return connection
    }
}
