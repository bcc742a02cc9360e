// Attune
// SPDX-License-Identifier: Apache-2.0

/// How often strangers may connect: whoever connects again and again costs no more than the look at its address.
///
/// Where all together come too often, those networks go on being let in that come seldom.
final class Arrivals: Sendable {
    private let networks: TokenBuckets
    private let all: TokenBuckets
    /// What a network has used at most that comes seldom.
    private let seldom: Double

    init(_ limits: RelayLimits) {
        let burst = 4 * max(64, limits.connectionsPerAddress)
        networks = TokenBuckets(burst, seconds: 4)
        all = TokenBuckets(max(burst, limits.connections / 4), seconds: 2)
        seldom = Double(burst) / 8
    }

    /// Counts a new connection; false if it is to be closed at once.
    func admit(_ address: ClientAddress) -> Bool {
        let used = networks.used(address.network)
        guard networks.take(address.network) == nil else { return false }
        return all.take("") == nil || used <= seldom
    }
}
