// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Which accepted entries stop counting with a device chain.
enum CutOffs {
    /// The last seq that stays, for each device of which something goes; `heads` become what stays.
    ///
    /// - Parameter hash: the hash of an accepted entry.
    static func of(
        _ chain: DeviceChain, heads: inout [DeviceID: LogPosition], hash: (DeviceID, UInt64) throws -> EntryHash?
    ) rethrows -> [DeviceID: UInt64] {
        var cutOffs: [DeviceID: UInt64] = [:]
        for (device, head) in heads {
            guard let member = chain.devices[device] else {
                cutOffs[device] = 0
                heads[device] = nil
                continue
            }
            guard let revocation = member.revocation, head.seq >= revocation.lastSeq else { continue }
            if let last = revocation.lastEntry, try hash(device, revocation.lastSeq) == last {
                if head.seq > revocation.lastSeq { cutOffs[device] = revocation.lastSeq }
                heads[device] = LogPosition(seq: revocation.lastSeq, hash: last)
            } else {
                // Its log ends otherwise than what is here: all of it is asked for again.
                cutOffs[device] = 0
                heads[device] = nil
            }
        }
        return cutOffs
    }
}
