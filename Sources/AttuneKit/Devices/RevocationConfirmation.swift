// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

/// What a second device of the circle signs, so that another one may shut out several devices at once.
///
/// It is good for these devices and for the circle as it is now: whatever changes the circle ends it. File: `ATREVOK1`,
/// circle 32, newest link 32, signer 16, signature 64.
package struct RevocationConfirmation: Sendable {
    private static let magic = Array("ATREVOK1".utf8)
    private static let byteCount = 152

    let circle: Digest256
    let previous: Digest256
    let signer: DeviceID
    let signature: [UInt8]

    /// - Throws: `KitError` E-DEVICE-010 where this device is no active one.
    init(of devices: [DeviceID], by own: DeviceCircle) throws {
        guard own.own?.isActive == true else { throw KitError.notADevice }
        circle = own.circle
        previous = own.chain.head
        signer = own.device
        signature = own.keys.secondSignature(revoking: devices, after: own.chain.head)
    }

    /// Reads what `bytes` gave; the signature is compared when it is used.
    ///
    /// - Throws: `KitError` E-DEVICE-014.
    package init(parsing bytes: [UInt8]) throws {
        guard bytes.count == Self.byteCount, bytes.starts(with: Self.magic), let circle = Digest256(bytes[8..<40]),
            let previous = Digest256(bytes[40..<72]), let signer = DeviceID(Array(bytes[72..<88]))
        else { throw KitError.otherConfirmation }
        self.circle = circle
        self.previous = previous
        self.signer = signer
        signature = Array(bytes[88...])
    }

    /// The file.
    package var bytes: [UInt8] { Self.magic + circle.bytes + previous.bytes + signer.bytes + signature }

    /// Reads a file.
    ///
    /// - Throws: `KitError` E-DEVICE-014; `CoreError` where it cannot be read.
    package static func read(_ path: String) throws -> RevocationConfirmation {
        try MappedFile(path: path).withBytes { bytes in
            guard bytes.count == byteCount else { throw KitError.otherConfirmation }
            return try RevocationConfirmation(parsing: Array(bytes))
        }
    }
}

/// Who agrees to a revocation beside the device that makes it.
package enum SecondConfirmation: Sendable {
    /// The recovery words as a device.
    case words(DeviceKeys)
    case device(RevocationConfirmation)
}

extension Workspace {
    /// Agrees on this device that another one shuts these devices out.
    ///
    /// - Throws: `KitError` E-DEVICE-005, E-DEVICE-010, E-FILE-010.
    package func confirmRevocation(of devices: [DeviceListing], to path: String) throws {
        let circle = try DeviceCircle.require(vault)
        let ids = devices.compactMap(\.device)
        guard !ids.contains(circle.device) else { throw KitError.revokesItself }
        try NewFile.write(try RevocationConfirmation(of: ids, by: circle).bytes, to: path)
    }
}

extension SecondConfirmation {
    /// The signature for a revocation that follows on the newest link of `circle`.
    ///
    /// - Throws: `KitError` E-DEVICE-007, E-DEVICE-008, E-DEVICE-014.
    func signature(
        revoking ids: [DeviceID], in circle: DeviceCircle
    ) throws -> (device: DeviceID, signature: [UInt8]) {
        switch self {
        case .words(let paper):
            guard let known = circle.chain.paper else { throw KitError.noRecoveryWords }
            guard paper.deviceID == known.id else { throw KitError.otherRecoveryWords }
            return (known.id, paper.secondSignature(revoking: ids, after: circle.chain.head))
        case .device(let confirmation):
            let text = SignedText.revoke(previous: circle.chain.head, devices: ids.sorted())
            guard confirmation.circle == circle.circle, confirmation.previous == circle.chain.head,
                confirmation.signer != circle.device, !ids.contains(confirmation.signer),
                let signer = circle.chain.devices[confirmation.signer], signer.isActive,
                WireHash.verify(confirmation.signature, of: text, by: signer.signingKey)
            else { throw KitError.otherConfirmation }
            return (signer.id, confirmation.signature)
        }
    }
}
