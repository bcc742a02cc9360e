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

    package let id: DeviceID
    /// What it is called here: the name that this store gave it, or else its own.
    package let name: String
    /// What it calls itself; its fingerprint where that cannot be opened.
    package let ownName: String
    /// What it called itself before, the newest first.
    package let formerNames: [String]
    /// Whether another device of the circle has a name that looks the same: names alone do not tell them apart.
    package private(set) var looksLikeAnother = false
    /// Whether this store has a name of its own for it, which no other device sees.
    package let hasNickname: Bool
    /// Eight letters and digits, or the id where another device has the same ones: whoever has a device can look for such.
    package let fingerprint: String
    package let isThis: Bool
    /// The recovery words.
    package let isPaper: Bool
    package let state: State
    /// When this store first saw it, by this machine's clock; nil if that was not noted.
    package let added: Date?
    /// The device that brought it in, as `label` has it; nil for those that the circle began with.
    package internal(set) var addedBy: String?
    /// When this store saw that it called itself otherwise than before.
    package let renamed: Date?
    /// Whether other devices than this one gave it a name, which does not count.
    package let namedByOthers: Bool
    /// Entries of it that are here.
    package let entries: UInt64
    /// When something that it made last came here, or it was synced with directly, by this machine's clock; nil if neither
    /// was, and for this device. A device that only reads from a relay leaves no trace.
    package let lastReceived: Date?
    /// How it came.
    package let route: DeviceContacts.Route?

    /// The name, with the fingerprint where the name alone does not say which device it is.
    package var label: String { looksLikeAnother && name != fingerprint ? "\(name) (\(fingerprint))" : name }

    /// Whether a person may take a text for what this device is called: its name here, its own, or its fingerprint.
    package func looksLike(_ text: String) -> Bool { looks.contains(Self.look(of: text)) }

    private var looks: Set<NameLook> { Set([name, ownName, fingerprint].map(Self.look)) }

    /// Fingerprints are read in capital letters, and so is a name that looks like one.
    private static func look(of text: String) -> NameLook {
        let isLikeFingerprint = text.count == 9 && text.dropFirst(4).first == "-"
        return NameLook(isLikeFingerprint ? text.uppercased() : text)
    }

    /// Notes which of all devices of a circle have names that look like an active one's.
    static func tellApart(_ all: inout [DeviceListing]) {
        var called: [NameLook: Set<DeviceID>] = [:]
        for device in all where device.state == .active {
            for look in device.looks { called[look, default: []].insert(device.id) }
        }
        for index in all.indices {
            let id = all[index].id
            all[index].looksLikeAnother = all[index].looks.contains { called[$0]?.contains { $0 != id } ?? false }
        }
    }

    /// How long a new name alone does not say which device is meant, if nobody is asked.
    package static let nameTrial: TimeInterval = 7 * 86_400

    /// Whether the name that it is called by may be there to be mistaken for another device's: new, or once another's.
    package func isNameInDoubt(among others: [DeviceListing], now: Date = Date()) -> Bool {
        guard !hasNickname else { return false }
        let isNew = renamed.map { abs(now.timeIntervalSince($0)) < Self.nameTrial } ?? false
        let look = NameLook(name)
        return isNew || others.contains { $0.id != id && $0.formerNames.contains { NameLook($0) == look } }
    }
}
