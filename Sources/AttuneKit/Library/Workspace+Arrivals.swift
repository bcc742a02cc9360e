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
    /// - Throws: `AdapterError` E-ADAPTER-004, 006, 015; `KitError` E-ADAPTER-029.
    @discardableResult
    package static func check(_ packet: VersionPacket) throws -> AdapterManifest {
        guard let manifest = try? JSONDecoder().decode(AdapterManifest.self, from: Data(packet.manifest.utf8)) else {
            throw KitError.foreignVersion("its manifest cannot be read")
        }
        guard manifest.base.id == packet.base else { throw KitError.foreignVersion("its manifest names another base") }
        let numbers = try check(manifest).count
        // F32 as written here, BF16 at the least; the header may take 1 MiB.
        guard packet.blob.size >= numbers * 2, packet.blob.size <= numbers * 4 + 1 << 20 else {
            throw KitError.foreignVersion("\(packet.blob.size) bytes for \(numbers) numbers")
        }
        return manifest
    }

    /// Passes for what an adapter that was made elsewhere says of itself: names that are names, and ranks that its
    /// matrices can use.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-004, 006, 015; `KitError` E-ADAPTER-029.
    @discardableResult
    private static func check(_ manifest: AdapterManifest) throws -> LoRALayout {
        for name in [manifest.base.name, manifest.base.shape.architecture] where !ProtoEntryPayload.isName(name) {
            throw KitError.foreignVersion("its manifest has a name that is none")
        }
        let layout = try manifest.layout()
        try layout.checkRanks()
        return layout
    }

    /// Passes for an adapter that was made elsewhere, by whichever door it comes in: what it says of itself can be, and
    /// an honest training can give its tensors.
    ///
    /// - Throws: as for a manifest; `KitError` E-ADAPTER-029 for numbers that are far too large.
    static func check(_ adapter: Adapter, _ manifest: AdapterManifest) throws {
        try check(manifest)
        try check(adapter.norms)
    }

    /// - Throws: `KitError` E-ADAPTER-029 for a matrix that changes far too much.
    private static func check(_ norms: [(site: LoRASite, norm: Double)]) throws {
        for (site, norm) in norms where !(norm <= normLimit) {
            throw KitError.foreignVersion("\(site) changes far too much")
        }
    }

    /// What opens accepted entries and makes adapters of them.
    ///
    /// - Throws: `KitError` where the bases of this machine cannot be listed.
    package func applier(store: VaultSyncStore, keys: CircleKeys) throws -> EntryApplier {
        let here = Dictionary(try bases.list().map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return EntryApplier(store: store, keys: keys, arrivals: ShapeCheck(bases: here))
    }

    /// Refuses versions of other devices when their records arrive: by `check`, and where the base is on this machine,
    /// for a manifest that gives it another shape.
    private struct ShapeCheck: ArrivalCheck {
        let bases: [BaseID: BaseRecord]

        func check(_ version: VersionPacket) throws {
            let manifest = try Workspace.check(version)
            if let base = bases[version.base], base.shape != manifest.base.shape {
                throw KitError.otherShape(than: base)
            }
        }
    }

    /// What came of looking at the versions that arrived.
    package struct Inspection: Sendable {
        /// Versions that are refused for good, and why.
        package var refused: [RefusedVersion] = []
        /// Why some could not be looked at now; they are looked at again at the next sync.
        package var postponed: [any AttuneError] = []
    }

    /// Looks at the tensors that came from other devices since the last time, while they are decoded: what cannot be used
    /// is refused for good and noted in the sync log, and holds up nothing else.
    ///
    /// What this machine's disk or memory is to blame for is never held against an author: damaged chunks are fetched
    /// again, and what does not fit waits.
    @discardableResult
    package func inspectArrivals() throws -> Inspection {
        var found = Inspection()
        for version in try vault.blobs.arrivedVersions() {
            do {
                try inspect(version)
                try vault.blobs.judge(version, isSound: true)
            } catch let error as VaultError where error.isDamage {
                if try vault.blobs.fetchAgain(version) {
                    try note(.warning, "\(version.reference) is fetched again: \(error.message)")
                } else {
                    // Every chunk is right by now, and others would not come.
                    try note(.warning, "\(version.reference) could not be looked at: \(error.message)")
                    found.postponed.append(error)
                }
            } catch let error as any AttuneError where error.isOfData {
                let author = try vault.blobs.judge(version, isSound: false)
                let device = author?.device.fingerprint ?? "unknown"
                let place = author.map { "entry \($0.seq) of device \(device)" } ?? "a version"
                try note(.alarm, "\(place) brought tensors that are refused: \(error.message)")
                found.refused.append(
                    RefusedVersion(version: version.reference.description, device: device, reason: error.message))
            } catch let error as any AttuneError {
                try note(.warning, "\(version.reference) could not be looked at: \(error.message)")
                found.postponed.append(error)
            }
        }
        return found
    }

    /// Passes for a version that arrived and can be used here.
    private func inspect(_ version: VersionRecord) throws {
        let manifest = try Self.manifest(of: version)
        try Self.check(manifest)
        var inspector = try AdapterInspector(manifest: manifest, size: version.size)
        try vault.versions.arrivedBytes(version, largestRun: inspector.largestTensor) { try inspector.take($0) }
        try Self.check(try inspector.norms())
        if let base = try bases.list().first(where: { $0.id == manifest.base.id }), base.shape != manifest.base.shape {
            throw KitError.otherShape(than: base)
        }
    }

    private func note(_ level: SyncLogLine.Level, _ text: String) throws {
        try vault.syncLog.append(level: level.rawValue, remote: "", text: text)
    }
}
