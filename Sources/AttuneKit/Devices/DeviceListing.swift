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
    /// What it is called here: the name that this store gave it, or else its own.
    package let name: String
    /// What it calls itself; its fingerprint where that cannot be opened.
    package let ownName: String
    /// What it called itself before, the newest first.
    package let formerNames: [String]
    /// Whether this store has a name of its own for it, which no other device sees.
    package let hasNickname: Bool
    package let fingerprint: String
    package let isThis: Bool
    /// The recovery words.
    package let isPaper: Bool
    package let state: State
    /// When this store first saw it, by this machine's clock; nil where that was not noted.
    package let added: Date?
    /// The name of the device that brought it in; nil for those that the circle began with.
    package let addedBy: String?
    /// When this store saw that it called itself otherwise than before.
    package let renamed: Date?
    /// Whether other devices than this one gave it a name, which does not count.
    package let namedByOthers: Bool
    /// Entries of it that are here.
    package let entries: UInt64
    /// When something of it last came here, by this machine's clock; nil where nothing did, and for this device.
    package let lastSeen: Date?
    /// How it came.
    package let route: DeviceContacts.Route?

    /// The id in its own form.
    package var device: DeviceID? { DeviceID(hex: id) }

    /// How long a new name alone does not say which device is meant, where nobody is asked.
    package static let nameTrial: TimeInterval = 7 * 86_400

    /// Whether the name that it is called by may be there to be mistaken for another device's: new, or once another's.
    package func isNameInDoubt(among others: [DeviceListing], now: Date = Date()) -> Bool {
        guard !hasNickname else { return false }
        let isNew = renamed.map { abs(now.timeIntervalSince($0)) < Self.nameTrial } ?? false
        return isNew || others.contains { $0.id != id && $0.formerNames.contains(name) }
    }
}
