// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// Which circle this store belongs to, and which device of it this is.
package struct CircleIdentity: Sendable, Equatable {
    /// Hash of the circle's genesis link.
    package let circle: Digest256
    /// 16 bytes.
    package let device: [UInt8]
    /// The device's secret keys, sealed once more under a key inside the store.
    package let sealedKeys: [UInt8]
    package let joined: Date
}
