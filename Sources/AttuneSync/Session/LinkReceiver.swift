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
        let parsed = try links.map { try Link(parsing: $0) }
        if let last = parsed.last, last.hash == chain.head { return chain }
        guard previous == chain.head else { return nil }
        var next = chain
        for link in parsed { try next.append(link) }
        var heads = try store.heads()
        let cutOffs = try CutOffs.of(next, heads: &heads) { try store.entryHash(of: $0, seq: $1) }
        try store.replaceLinks(after: chain.seq, with: parsed, cutOffs: cutOffs)
        return next
    }
}
