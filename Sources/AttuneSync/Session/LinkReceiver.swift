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
        _ links: [[UInt8]], after previous: Digest256, chain: DeviceChain, into store: some SyncStore
    ) throws -> DeviceChain? {
        try take(links.map { try Link(parsing: $0) }, after: previous, chain: chain, into: store)
    }

    /// As `take(_:after:chain:into:)` of links that have been parsed.
    package static func take(
        _ links: [Link], after previous: Digest256, chain: DeviceChain, into store: some SyncStore
    ) throws -> DeviceChain? {
        if let last = links.last, last.hash == chain.head { return chain }
        guard previous == chain.head else { return nil }
        var next = chain
        for link in links { try next.append(link) }
        var heads = try store.heads()
        let cutOffs = try CutOffs.of(next, heads: &heads) { try store.entryHash(of: $0, seq: $1) }
        try store.replaceLinks(after: chain.seq, with: links, cutOffs: cutOffs)
        // What was held against a device that was shut out is decided.
        let accused = Set(try store.evidence().filter { !$0.isSettled }.map(\.device))
        for device in accused where next.devices[device]?.isActive != true { try store.settle(nil, of: device) }
        return next
    }
}
