// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Where what a device says stands among what others say of the same thing: by the circle's clock, then by who says it.
package struct Precedence: Hashable, Comparable, Sendable {
    package let lamport: UInt64
    package let device: DeviceID
    /// The entry that says it.
    package let entry: EntryHash

    package init(lamport: UInt64, device: DeviceID, entry: EntryHash) {
        self.lamport = lamport
        self.device = device
        self.entry = entry
    }

    package static func < (left: Precedence, right: Precedence) -> Bool {
        if left.lamport != right.lamport { return left.lamport < right.lamport }
        if left.device != right.device { return left.device < right.device }
        return left.entry < right.entry
    }

    /// Of claims that were not refused, those that may count: the newest of each device.
    package static func standing<Claim>(_ claims: [Claim], by place: (Claim) -> Precedence) -> [Claim] {
        Dictionary(grouping: claims) { place($0).device }.values.compactMap { $0.max { place($0) < place($1) } }
    }

    /// Of the claims of one version, while no bytes prove one, the one that is shown: the first that stands, so that it
    /// does not matter which came first.
    package static func shown<Claim>(_ claims: [Claim], by place: (Claim) -> Precedence) -> Claim? {
        standing(claims, by: place).min { place($0) < place($1) }
    }

    /// Of the names that an adapter was given, the one that counts: the last; where it was given none, the first that it
    /// came with.
    package static func name<Word>(given: [Word], cameWith: [Word], by place: (Word) -> Precedence) -> Word? {
        given.max { place($0) < place($1) } ?? cameWith.min { place($0) < place($1) }
    }
}
