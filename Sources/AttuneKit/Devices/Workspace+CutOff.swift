// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import AttuneWire
import Foundation

/// What one entry of a device did, for a person who decides up to where the device counts.
package struct DeviceDeed: Sendable, Encodable, Equatable {
    package let seq: UInt64
    /// When it came here, by this machine's clock; nil where that is not known.
    package let arrived: Date?
    /// In a few words, with the names that things have here now.
    package let deed: String
}

extension Workspace {
    /// What a device of the circle did, entry by entry.
    package func deeds(of device: DeviceListing) throws -> [DeviceDeed] {
        guard let id = device.device else { return [] }
        return try vault.deeds(of: id.bytes).map { deed in
            DeviceDeed(seq: deed.seq, arrived: deed.arrived, deed: Self.words(for: deed.effect))
        }
    }

    /// The last entry of a device that counts if everything that came here at `moment` or later does not; nil if none
    /// does.
    ///
    /// Entries of which that is not known came before those of which it is.
    package func lastEntry(of device: DeviceListing, before moment: Date) throws -> LogPosition? {
        guard let id = device.device else { return nil }
        let deeds = try vault.deeds(of: id.bytes)
        let end = deeds.firstIndex { $0.arrived.map { $0 >= moment } ?? false } ?? deeds.endIndex
        return deeds[..<end].last.map { LogPosition(seq: $0.seq, hash: $0.hash) }
    }

    /// Entry `seq` of a device as the last one that counts; nil for 0, where none does.
    ///
    /// - Throws: `KitError` E-DEVICE-003 where there is no such entry here.
    package func lastEntry(of device: DeviceListing, upTo seq: UInt64) throws -> LogPosition? {
        guard seq > 0 else { return nil }
        guard let id = device.device, let hash = try vault.entryHash(of: id.bytes, seq: seq) else {
            throw KitError.noDevice("entry \(seq) of \(device.name)")
        }
        return LogPosition(seq: seq, hash: hash)
    }

    /// Gives adapters what they would have without the later entries of a device, which need not be in the circle any
    /// more; the other devices follow.
    ///
    /// - Parameter seq: the last of its entries that is not undone.
    /// - Returns: what was done, in words.
    package func undoDeeds(of device: DeviceListing, after seq: UInt64) throws -> [String] {
        guard let id = device.device else { return [] }
        return try vault.undoDeeds(of: id.bytes, after: seq)
    }

    /// The device with this name, fingerprint or id, be it in the circle or shut out.
    ///
    /// - Throws: `KitError` E-DEVICE-001, E-DEVICE-003, E-DEVICE-004.
    package func deviceOrFormer(named name: String) throws -> DeviceListing {
        let all = try devices().filter { !$0.isPaper }
        let wanted = name.lowercased()
        let exact = all.filter { $0.id == wanted || $0.fingerprint.lowercased() == wanted }
        let found = exact.isEmpty ? all.filter { $0.name == name } : exact
        guard !all.isEmpty else { throw KitError.noCircle }
        guard let first = found.first else { throw KitError.noDevice(name) }
        guard found.count == 1 else { throw KitError.severalDevices(name) }
        return first
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
