// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation

/// A device of the circle as a person sees it.
package struct DeviceListing: Sendable, Encodable, Equatable {
    package enum State: String, Sendable, Encodable {
        case active, revoked
    }

    /// 32 hexadecimal digits.
    package let id: String
    package let name: String
    package let fingerprint: String
    package let isThis: Bool
    /// The recovery words.
    package let isPaper: Bool
    package let state: State
    /// Entries of it that are here.
    package let entries: UInt64
    /// When something of it last came here, by this machine's clock; nil where nothing did, and for this device.
    package let lastSeen: Date?
    /// How it came.
    package let route: DeviceContacts.Route?

    /// The id in its own form.
    package var device: DeviceID? { DeviceID(hex: id) }
}
