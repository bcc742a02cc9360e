// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneWire

/// A machine of the simulation: a store, and at times a run of sync with the relay or with another machine.
final class SimulatedDevice {
    let identity: SimulatedIdentity
    let store: SimulatedStore
    /// The run under way.
    var machine: SyncMachine?
    /// The other device of the run; nil for the relay.
    var peer: Int?
    /// Grows when the machine goes down: what was under way belongs to nobody then.
    var life = 0
    /// Grows when a run ends or cancels its requests.
    var run = 0
    var isDown = false
    var isCutOff = false
    /// Milliseconds by which its clock is wrong.
    var clockError: Int64 = 0
    var backup: (state: SimulatedStore.State, ownMark: LogPosition?)?
    var lastProblems: [SyncError] = []

    var id: DeviceID { identity.id }

    init(identity: SimulatedIdentity, links: [Link]) {
        self.identity = identity
        store = SimulatedStore(device: identity.id, links: links)
    }

    func goDown() {
        life += 1
        run += 1
        machine = nil
        peer = nil
        isDown = true
    }
}
