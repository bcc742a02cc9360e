// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// A verified link as a store keeps it.
package struct StoredLink: Hashable, Sendable {
    package let seq: UInt64
    package let hash: LinkHash
    /// A serialised `SignedLink`, as received.
    package let bytes: [UInt8]
    /// Whether it shuts devices out: it is taken however little room there is.
    package let isRevocation: Bool

    package init(seq: UInt64, hash: LinkHash, bytes: [UInt8], isRevocation: Bool = false) {
        self.seq = seq
        self.hash = hash
        self.bytes = bytes
        self.isRevocation = isRevocation
    }

    package init(_ link: Link) {
        self.init(seq: link.seq, hash: link.hash, bytes: link.bytes, isRevocation: link.isRevocation)
    }
}

/// A run of links.
package struct LinkPage: Hashable, Sendable {
    /// Bytes after which a page ends early.
    package static let byteLimit = 4 << 20

    package let links: [StoredLink]
    /// Whether more follow.
    package let more: Bool

    package init(links: [StoredLink], more: Bool) {
        self.links = links
        self.more = more
    }
}

/// Where the log of a device that was shut out ends.
package struct CutOff: Hashable, Sendable {
    package let device: DeviceID
    /// Its last entry that counts; 0 if none does.
    package let seq: UInt64
    /// Hash of that entry; nil if none counts.
    package let entry: EntryHash?

    package init(device: DeviceID, seq: UInt64, entry: EntryHash?) {
        self.device = device
        self.seq = seq
        self.entry = entry
    }

    /// What stops counting where `next` takes the place of `chain`: of whom it shuts out otherwise, and of whom it does not
    /// know.
    static func of(_ next: DeviceChain, inPlaceOf chain: DeviceChain) -> [CutOff] {
        let gone = chain.devices.keys.filter { next.devices[$0] == nil }
        return gone.map { CutOff(device: $0, seq: 0, entry: nil) }
            + next.devices.values.compactMap { device in
                guard let revocation = device.revocation, chain.devices[device.id]?.revocation != revocation else {
                    return nil
                }
                return CutOff(device: device.id, seq: revocation.lastSeq, entry: revocation.lastEntry)
            }
    }
}

/// The newest link of a circle, and whether the circle was deleted.
package struct CircleHead: Hashable, Sendable {
    package let link: LinkPosition
    /// Unix seconds at which what was deleted goes for good; nil if nothing was.
    package let deletedUntil: Int64?

    package init(link: LinkPosition, deletedUntil: Int64? = nil) {
        self.link = link
        self.deletedUntil = deletedUntil
    }
}
