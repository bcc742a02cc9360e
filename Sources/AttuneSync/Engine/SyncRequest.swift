// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// What the engine asks of a remote.
package enum SyncRequest: Hashable, Sendable {
    case frontier
    case links(after: UInt64)
    /// Signed links that follow on `previous`.
    case pushLinks([[UInt8]], previous: Digest256)
    case entries(DeviceID, after: UInt64, limit: Int)
    /// Signed entries; the remote answers for each.
    case pushEntries([[UInt8]])
    /// Which of these chunks the remote lacks; without any, which ones it would like (a device that serves its circle).
    /// Where it can tell: only such as entries there name that were not released.
    case missingChunks([Digest256], ifNamed: Bool = false)
    case upload(Digest256)
    case download(Digest256)
}
