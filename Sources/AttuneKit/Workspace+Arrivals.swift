// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneVault
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
    package static func check(_ packet: VersionPacket) throws {
        guard let manifest = try? JSONDecoder().decode(AdapterManifest.self, from: Data(packet.manifest.utf8)) else {
            throw KitError.foreignVersion("its manifest cannot be read")
        }
        guard manifest.base.id == packet.base else { throw KitError.foreignVersion("its manifest names another base") }
        let numbers = try manifest.layout().count
        // F32 as written here, BF16 at the least; the header may take 1 MiB.
        guard packet.blob.size >= numbers * 2, packet.blob.size <= numbers * 4 + 1 << 20 else {
            throw KitError.foreignVersion("\(packet.blob.size) bytes for \(numbers) numbers")
        }
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

    /// Looks at the tensors that came from other devices since the last time; what cannot be used is refused for good.
    ///
    /// - Returns: the versions that were refused, and why.
    package func inspectArrivals() throws -> [(version: VersionRecord, error: any Error)] {
        var refused: [(VersionRecord, any Error)] = []
        for version in try vault.arrivedVersions() {
            do {
                _ = try load(version)
                try vault.judge(version, isSound: true)
            } catch let error as any AttuneError where error.exitStatus == .invalidData {
                try vault.judge(version, isSound: false)
                refused.append((version, error))
            }
        }
        return refused
    }
}
