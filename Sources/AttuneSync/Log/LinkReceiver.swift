// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Takes the links that another device of the circle pushes here, or that this device made itself.
package enum LinkReceiver {
    /// Verifies and keeps links that follow on `previous`; gives the chain with them.
    ///
    /// - Returns: nil if `previous` is not the newest link here (a race: the caller compares and tries again).
    /// - Throws: `WireError` for a link that must not follow; the store's errors. Nothing changes then.
    package static func take(
        _ links: [[UInt8]], after previous: LinkHash, chain: DeviceChain, into store: some SyncStore,
        by rules: some LogRules = CircleRules()
    ) throws -> DeviceChain? {
        try take(links.map { try Link(parsing: $0) }, after: previous, chain: chain, into: store, by: rules)
    }

    /// As `take(_:after:chain:into:)` of links that have been parsed.
    ///
    /// - Parameter name: what people call a device.
    package static func take(
        _ links: [Link], after previous: LinkHash, chain: DeviceChain, into store: some SyncStore,
        by rules: some LogRules = CircleRules(),
        naming name: (DeviceID) -> String = { "device \($0.fingerprint)" }
    ) throws -> DeviceChain? {
        if let last = links.last, last.hash == chain.head { return chain }
        guard previous == chain.head else { return nil }
        var next = chain
        for link in links { try next.append(link) }
        var logs = try KnownLogs(of: store, chain: chain)
        let cutOffs = try logs.adopt(next, reading: store)
        _ = try store.replaceLinks(after: chain.seq, with: links, cutOffs: cutOffs, from: "", naming: name)
        let decided = rules.decided(in: logs)
        if !decided.isEmpty { try store.settle(decided) }
        return next
    }
}
