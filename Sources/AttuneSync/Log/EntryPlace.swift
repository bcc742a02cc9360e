// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// The place in its log that a draft gets when it is published.
package struct EntryPlace: Hashable, Sendable {
    package let circle: CircleID
    package let device: DeviceID
    package let seq: UInt64
    /// Hash of the own entry before; zeros for the first.
    package let previous: EntryHash
    package let epoch: UInt32
    package let lamport: UInt64
    /// The newest accepted entry of every other device.
    package let frontier: [DeviceID: LogPosition]

    package init(
        circle: CircleID, device: DeviceID, seq: UInt64, previous: EntryHash, epoch: UInt32, lamport: UInt64,
        frontier: [DeviceID: LogPosition]
    ) {
        self.circle = circle
        self.device = device
        self.seq = seq
        self.previous = previous
        self.epoch = epoch
        self.lamport = lamport
        self.frontier = frontier
    }
}
