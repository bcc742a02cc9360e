// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation

/// What one device of a circle cannot do alone.
package enum SharedAct: Sendable {
    /// To shut these out.
    case revocation(of: [DeviceID])
    /// To have the relay delete the circle.
    case deletion

    /// The devices that cannot agree to it.
    private var parties: [DeviceID] { if case .revocation(let ids) = self { ids } else { [] } }

    private var magic: [UInt8] {
        switch self {
        case .revocation: Array("ATREVOK1".utf8)
        case .deletion: Array("ATDELET1".utf8)
        }
    }

    private func text(in circle: DeviceCircle) -> [UInt8] {
        switch self {
        case .revocation(let ids): SignedText.revoke(previous: circle.chain.head, devices: ids.sorted())
        case .deletion: SignedText.delete(circle: circle.circle, newest: circle.chain.head)
        }
    }

    private var refusal: KitError {
        switch self {
        case .revocation: .otherConfirmation
        case .deletion: .otherDeletion
        }
    }

    /// The file in which a device agrees: magic 8, circle 32, newest link 32, signer 16, signature 64.
    ///
    /// It is good for this alone and for the circle as it is now: whatever changes the circle ends it.
    ///
    /// - Throws: `CircleError` E-DEVICE-010 if this device is no active one.
    func file(by own: DeviceCircle) throws -> [UInt8] {
        try own.requireMembership()
        return magic + own.circle.bytes + own.chain.head.bytes + own.device.bytes + own.keys.sign(text(in: own))
    }

    /// Who agrees, and the signature for it after the newest link of `circle`.
    ///
    /// - Throws: `KitError` E-DEVICE-007, E-DEVICE-008, E-DEVICE-014.
    func signature(
        _ confirmation: SecondConfirmation, in circle: DeviceCircle
    ) throws -> (device: DeviceID, signature: [UInt8]) {
        let text = text(in: circle)
        switch confirmation {
        case .words(let paper):
            guard let known = circle.chain.paper else { throw KitError.noRecoveryWords }
            guard paper.deviceID == known.id else { throw KitError.otherRecoveryWords }
            return (known.id, paper.sign(text))
        case .file(let bytes):
            let place = magic + circle.circle.bytes + circle.chain.head.bytes
            guard bytes.count == SecondConfirmation.byteCount, bytes.starts(with: place),
                let id = DeviceID(Array(bytes[72..<88])), id != circle.device, !parties.contains(id),
                let signer = circle.chain.devices[id], signer.isActive,
                WireHash.verify(Array(bytes[88...]), of: text, by: signer.signingKey)
            else { throw refusal }
            return (id, Array(bytes[88...]))
        }
    }
}

/// Who agrees to a shared act beside the device that does it.
package enum SecondConfirmation: Sendable {
    /// The recovery words as a device.
    case words(DeviceKeys)
    /// The file that another device wrote; what is in it is compared when it is used.
    case file([UInt8])

    static let byteCount = 152

    /// Reads such a file; one of another size agrees to nothing.
    ///
    /// - Throws: `CoreError` where it cannot be read.
    package static func read(_ path: String) throws -> SecondConfirmation {
        try MappedFile(path: path).withBytes { .file(Array($0.prefix(byteCount + 1))) }
    }

    /// Reads the recovery words.
    ///
    /// - Throws: `KitError` E-KEY-032; `CryptoError`.
    package static func read(words source: SecretSource) throws -> SecondConfirmation {
        .words(try DeviceKeys(paper: source.recoveryWords()))
    }
}

extension Workspace {
    /// Agrees on this device that another one does this, and writes that into a new file.
    ///
    /// - Throws: `CircleError` E-DEVICE-001, E-DEVICE-010; `KitError` E-DEVICE-005, E-FILE-010.
    package func confirm(_ act: SharedAct, to path: String) throws {
        let circle = try DeviceCircle.require(vault)
        if case .revocation(let ids) = act, ids.contains(circle.device) { throw KitError.revokesItself }
        try NewFile.write(try act.file(by: circle), to: path)
    }
}
