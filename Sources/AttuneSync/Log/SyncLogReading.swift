// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// The questions that the engine asks of a store while it decides; none of them changes anything.
package protocol SyncLogReading {
    /// Signed links as received, with seq above `seq`, in order, at most `limit`.
    func links(after seq: UInt64, limit: Int) throws -> [[UInt8]]
    /// The largest lamport number of any accepted entry; 0 if there is none.
    ///
    /// The newest entry of a log need not have the largest one of it: a device may sign whatever clock it likes.
    ///
    /// - Parameter cutOffs: the last seq that counts, for each device of which something goes.
    func largestLamport(besides cutOffs: [DeviceID: UInt64]) throws -> UInt64
    /// The hash of the accepted entry of `device` at `seq`.
    func entryHash(of device: DeviceID, seq: UInt64) throws -> EntryHash?
    /// Signed entries of `device` exactly as received, with seq above `seq`, in order; at most `limit`, and no more
    /// than fit in `byteLimit`, but at least one if there is one.
    func entries(of device: DeviceID, after seq: UInt64, limit: Int, byteLimit: Int) throws -> [[UInt8]]
    /// Those of `ids` that are not in the store.
    func missingChunks(among ids: [ChunkID]) throws -> [ChunkID]
}

extension SyncLogReading {
    /// The largest lamport number of any accepted entry; 0 if there is none.
    package func largestLamport() throws -> UInt64 { try largestLamport(besides: [:]) }
}
