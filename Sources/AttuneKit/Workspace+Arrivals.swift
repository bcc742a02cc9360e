// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneSync
import AttuneTensor
import AttuneVault
import AttuneWire
import Foundation

extension Workspace {
    /// Largest product ‖B‖·‖A‖·|s| of a matrix that is taken from another device; trained ones stay far below 10³.
    static let normLimit = 1e5

    /// Passes for a version of another device that an adapter of its base can be, before any byte of it is fetched.
    ///
    /// The manifest's tensor table has to be one of the base's own matrices, and the bytes have to be those that such
    /// tensors need.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-004, 006; `KitError` E-ADAPTER-029.
    @discardableResult
    package static func check(_ packet: VersionPacket) throws -> AdapterManifest {
        guard let manifest = try? JSONDecoder().decode(AdapterManifest.self, from: Data(packet.manifest.utf8)) else {
            throw KitError.foreignVersion("its manifest cannot be read")
        }
        guard manifest.base.id == packet.base else { throw KitError.foreignVersion("its manifest names another base") }
        let numbers = try manifest.layout().count
        // F32 as written here, BF16 at the least; the header may take 1 MiB.
        guard packet.blob.size >= numbers * 2, packet.blob.size <= numbers * 4 + 1 << 20 else {
            throw KitError.foreignVersion("\(packet.blob.size) bytes for \(numbers) numbers")
        }
        return manifest
    }

    /// Passes for tensors that no honest training gives: numbers that are not finite, or far too large.
    ///
    /// - Throws: `KitError` E-ADAPTER-029.
    static func checkNorms(_ adapter: Adapter) throws {
        for entry in adapter.layout.entries {
            var (a, b) = (0.0, 0.0)
            for value in adapter.parameters.a(entry).buffer { a += Double(value) * Double(value) }
            for value in adapter.parameters.b(entry).buffer { b += Double(value) * Double(value) }
            let norm = (a * b).squareRoot() * abs(Double(entry.scale))
            guard norm <= normLimit else { throw KitError.foreignVersion("\(entry.site) changes far too much") }
        }
    }

    /// What refuses versions of other devices when their records arrive: `check`, and where the base is on this machine,
    /// a manifest that gives it another shape.
    ///
    /// - Throws: `KitError` where the bases of this machine cannot be listed.
    func arrivalCheck() throws -> EntryApplier.Check {
        let here = Dictionary(try bases.list().map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return { packet in
            let manifest = try Self.check(packet)
            if let base = here[packet.base], base.shape != manifest.base.shape { throw KitError.otherShape(than: base) }
        }
    }

    /// Looks at the tensors that came from other devices since the last time; what cannot be used is refused for good
    /// and noted in the sync log, and holds up nothing else.
    ///
    /// - Returns: the versions that were refused, and why.
    @discardableResult
    package func inspectArrivals() throws -> [RefusedVersion] {
        var refused: [RefusedVersion] = []
        for version in try vault.arrivedVersions() {
            do {
                let loaded = try load(version)
                if let base = try bases.list().first(where: { $0.id == loaded.adapter.base.id }) {
                    try loaded.check(against: base)
                }
                try vault.judge(version, isSound: true)
            } catch let error as any AttuneError where error.exitStatus == .invalidData {
                let author = try vault.judge(version, isSound: false)
                let device = author.flatMap { DeviceID($0.device) }?.fingerprint ?? "unknown"
                let place = author.map { "entry \($0.seq) of device \(device)" } ?? "a version"
                try vault.appendSyncLog(
                    level: SyncLogLine.Level.alarm.rawValue, remote: "",
                    text: "\(place) brought tensors that are refused: \(error.message)")
                refused.append(
                    RefusedVersion(version: version.reference.description, device: device, reason: error.message))
            }
        }
        return refused
    }
}
