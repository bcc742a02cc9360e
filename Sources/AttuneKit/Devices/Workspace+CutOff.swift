// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

/// What one entry of a device did, for a person who decides up to where the device counts.
package struct DeviceDeed: Sendable, Encodable, Equatable {
    package let seq: UInt64
    /// When it came here, by this machine's clock; nil if that is not known.
    package let arrived: Date?
    /// In a few words, with the names that things have here now.
    package let deed: String
}

/// Up to where the entries of a device count that is shut out.
package enum DeviceCutOff: Sendable, Equatable {
    /// All that are here.
    case newest
    /// Up to this number of its log; 0 for none.
    case entry(UInt64)
    /// What came here before this moment. Entries of which the time is not known came before those of which it is.
    case moment(Date)
}

extension Workspace {
    /// What a device of the circle did, entry by entry.
    package func deeds(of device: DeviceListing) throws -> [DeviceDeed] {
        try vault.entries.deeds(of: device.id).map { deed in
            DeviceDeed(seq: deed.seq, arrived: deed.arrived, deed: Self.words(for: deed.effect))
        }
    }

    /// The last entry of a device that counts if it is cut off there; nil if none does.
    ///
    /// - Throws: `KitError` E-DEVICE-003 if there is no such entry here.
    package func lastEntry(of device: DeviceListing, by cutOff: DeviceCutOff) throws -> LogPosition? {
        switch cutOff {
        case .newest: return try vault.entries.heads()[device.id]
        case .entry(0): return nil
        case .entry(let seq):
            guard let hash = try vault.entries.hash(of: device.id, seq: seq) else {
                throw KitError.noEntry(seq, of: device.name)
            }
            return LogPosition(seq: seq, hash: hash)
        case .moment(let moment): return try vault.entries.last(of: device.id, before: moment)
        }
    }

    /// What adapters here come to if a device is cut off there, a sentence for each kind of change.
    ///
    /// - Throws: as `lastEntry(of:by:)`.
    package func effects(of cutOff: DeviceCutOff, on device: DeviceListing) throws -> [String] {
        let last = try lastEntry(of: device, by: cutOff)
        return try vault.entries.cutOffEffects(of: device.id, after: last?.seq ?? 0).sentences
    }

    /// The devices that these brought into the circle, or whom those brought in, and that stay in it without them.
    package func guests(of devices: [DeviceListing]) throws -> [DeviceListing] {
        let chain = try DeviceCircle.require(vault).chain
        let hosts = Set(devices.map(\.id))
        var guests = hosts
        // Nobody comes in before the one that lets it in.
        for device in chain.devices.values.sorted(by: { $0.addedAt < $1.addedAt }) {
            if let sponsor = device.sponsor, guests.contains(sponsor) { guests.insert(device.id) }
        }
        return try self.devices().filter {
            $0.state == .active && !$0.isThis && !$0.isPaper && guests.contains($0.id) && !hosts.contains($0.id)
        }
    }

    /// Gives adapters what they would have without the later entries of a device, which need not be in the circle any
    /// more; the other devices follow.
    ///
    /// - Parameter seq: the last of its entries that is not undone.
    /// - Returns: what was done, in words.
    package func undoDeeds(of device: DeviceListing, after seq: UInt64) throws -> [String] {
        try vault.entries.undo(of: device.id, after: seq)
    }

    /// The device with this name, fingerprint or id, be it in the circle or shut out.
    ///
    /// - Throws: `CircleError` E-DEVICE-001; `KitError` E-DEVICE-003, E-DEVICE-004.
    package func deviceOrFormer(named name: String) throws -> DeviceListing {
        let all = try devices().filter { !$0.isPaper }
        let wanted = name.lowercased()
        let exact = all.filter { $0.id.description == wanted || $0.fingerprint.lowercased() == wanted }
        guard !all.isEmpty else { throw CircleError.noCircle }
        if let only = exact.first, exact.count == 1 { return only }
        return try Self.only(called: name, of: all)
    }

    private static func words(for effect: DeedRecord.Effect) -> String {
        switch effect {
        case .version(let version): "made \(version)"
        case .head(let version): "pointed the name at \(version)"
        case .name(let adapter, let name): adapter == name ? "named \(name)" : "named \(name) what is now \(adapter)"
        case .trashed(let adapter, true): "removed \(adapter)"
        case .trashed(let adapter, false): "restored \(adapter)"
        case .other: "changed nothing that is here"
        }
    }
}
