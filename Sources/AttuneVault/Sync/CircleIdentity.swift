// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// Which circle this store belongs to, and which device of it this is.
package struct CircleIdentity: Sendable, Equatable {
    /// Hash of the circle's genesis link.
    package let circle: CircleID
    package let device: DeviceID
    /// The device's secret keys, sealed once more under a key inside the store.
    package let sealedKeys: [UInt8]
    package let joined: Date
}
