// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Synchronization

/// Counts what each device has under way at once.
final class Slots: Sendable {
    private let taken = Mutex<[DeviceID: Int]>([:])
    private let limit: Int

    init(_ limit: Int) { self.limit = limit }

    /// False if the device has as many as it may.
    func take(_ device: DeviceID) -> Bool {
        taken.withLock { taken in
            guard taken[device, default: 0] < limit else { return false }
            taken[device, default: 0] += 1
            return true
        }
    }

    func give(_ device: DeviceID) {
        taken.withLock { $0.countDown(device) }
    }
}
