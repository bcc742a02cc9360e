// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

/// Who agrees to the deletion of a circle at its relay beside the device that asks for it.
package enum DeletionConsent: Sendable {
    /// The recovery words as a device.
    case words(DeviceKeys)
    /// The file that another device wrote: `ATDELET1`, circle 32, newest link 32, signer 16, signature 64.
    case file([UInt8])

    private static let magic = Array("ATDELET1".utf8)
    private static let byteCount = 152

    /// Reads a file; what is in it is compared when it is used.
    ///
    /// - Throws: `KitError` E-DEVICE-014; `CoreError` where it cannot be read.
    package static func read(_ path: String) throws -> DeletionConsent {
        try MappedFile(path: path).withBytes { bytes in
            guard bytes.count == byteCount else { throw KitError.otherDeletion }
            return .file(Array(bytes))
        }
    }

    /// The file of a device that agrees to the deletion of its circle as it is now.
    static func file(by own: DeviceCircle) throws -> [UInt8] {
        guard own.own?.isActive == true else { throw KitError.notADevice }
        let (circle, newest) = (own.circle, own.chain.head)
        let signature = own.keys.sign(SignedText.delete(circle: circle, newest: newest))
        return magic + circle.bytes + newest.bytes + own.device.bytes + signature
    }

    /// The signature under a deletion of `circle` as it is now.
    ///
    /// - Throws: `KitError` E-DEVICE-007, E-DEVICE-008, E-DEVICE-014.
    func signature(in circle: DeviceCircle) throws -> (device: DeviceID, signature: [UInt8]) {
        let text = SignedText.delete(circle: circle.circle, newest: circle.chain.head)
        switch self {
        case .words(let paper):
            guard let known = circle.chain.paper else { throw KitError.noRecoveryWords }
            guard paper.deviceID == known.id else { throw KitError.otherRecoveryWords }
            return (known.id, paper.sign(text))
        case .file(let bytes):
            guard bytes.count == Self.byteCount, bytes.starts(with: Self.magic),
                let id = DeviceID(Array(bytes[72..<88])), id != circle.device,
                let signer = circle.chain.devices[id], signer.isActive,
                WireHash.verify(Array(bytes[88...]), of: text, by: signer.signingKey)
            else { throw KitError.otherDeletion }
            return (id, Array(bytes[88...]))
        }
    }
}

extension Workspace {
    /// Agrees on this device that another one has the relay delete the circle, and writes that into a new file.
    ///
    /// - Throws: `KitError` E-DEVICE-001, E-DEVICE-010, E-FILE-010.
    package func confirmDeletion(to path: String) throws {
        try NewFile.write(try DeletionConsent.file(by: try DeviceCircle.require(vault)), to: path)
    }

    /// Has the relay delete the circle with all that it keeps for it; what is on the devices stays.
    ///
    /// - Returns: when it goes for good; nil where the relay does not say.
    /// - Throws: `KitError` E-DEVICE-001, E-DEVICE-007, E-DEVICE-008, E-DEVICE-011, E-DEVICE-014; `SyncError` E-SYNC-014.
    package func deleteCircleAtRelay(_ consent: DeletionConsent) async throws -> Date? {
        try await withRelay { relay in
            // What is signed is the newest state of the circle.
            let circle = try await relay.reconcile()
            let until = try await relay.delete(try consent.signature(in: circle), circle)
            return until.map { Date(timeIntervalSince1970: Double($0)) }
        }
    }

    /// Brings the circle back to the relay, if it was deleted there not too long ago.
    ///
    /// - Throws: `KitError` E-DEVICE-001, E-DEVICE-011; `SyncError` E-SYNC-014.
    package func undeleteCircleAtRelay() async throws {
        try await withRelay { relay in
            try await relay.undelete(try await Blocking.run { [vault] in try DeviceCircle.require(vault) })
        }
    }

    private func withRelay<Value: Sendable>(_ body: (RemoteCircle) async throws -> Value) async throws -> Value {
        let relay = try await Blocking.run { [self] in try syncSettings().relay }
        guard let address = relay.flatMap({ RemoteAddress($0) }) else { throw SyncError.noRelay }
        return try await RemoteCircle.withClient { client in
            try await body(RemoteCircle(vault: vault, address: address, client: client))
        }
    }
}

extension KitError {
    /// `E-DEVICE-014`: a second device agreed to the deletion of something else.
    static let otherDeletion = KitError(
        code: "E-DEVICE-014",
        message:
            "the confirmation is for another circle or an earlier state of it, or not from another device that is in it",
        remedy:
            "Sync both devices, then make it anew on the second device: attune sync delete --write-confirmation FILE",
        exitStatus: .wrongKey)
}
