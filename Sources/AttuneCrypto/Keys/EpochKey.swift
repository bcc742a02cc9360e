// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The key of one epoch of a circle, from which those of entries, device names and the epoch before come.
package final class EpochKey: Sendable {
    /// Its number, from 1.
    package let epoch: UInt32
    private let key: SecretBytes

    /// - Parameter key: 32 random bytes.
    package init(epoch: UInt32, key: consuming SecretBytes) {
        precondition(key.count == 32)
        self.epoch = epoch
        self.key = key
    }

    /// A fresh key from the kernel's random source.
    package static func random(epoch: UInt32) -> EpochKey { EpochKey(epoch: epoch, key: SecretBytes(random: 32)) }

    /// Reads the 32 bytes in place, to keep or seal them.
    package func withKey<Result: ~Copyable>(_ body: (borrowing SecretBytes) throws -> Result) rethrows -> Result {
        try body(key)
    }

    /// Compares without telling by the time taken where the keys differ.
    package func isEqual(to other: EpochKey) -> Bool { epoch == other.epoch && key.isEqual(to: other.key) }

    /// Seals the key for a device.
    ///
    /// - Parameters:
    ///   - circle: nil inside the genesis link.
    ///   - device: public keys of the recipient.
    /// - Throws: `CryptoError` E-KEY-042.
    package func envelope(for device: DevicePublicKeys, circle: CircleID?) throws -> [UInt8] {
        try Envelope.seal(
            key, to: device.sealingKey, info: Envelope.epochInfo(circle: circle, epoch: epoch, device: device.id))
    }

    /// Seals the key for a device of a circle, whatever key that gave: what nothing can be sealed for gets random bytes,
    /// which open to nothing, so that one bad device does not keep the others from having a new key.
    package func envelope(forWhomever device: DevicePublicKeys, circle: CircleID?) -> [UInt8] {
        (try? envelope(for: device, circle: circle)) ?? Sodium.random(Envelope.byteCount)
    }

    /// Opens the envelope of an epoch that is for the device of `keys`.
    ///
    /// - Parameter circle: nil for the envelopes of the genesis link.
    /// - Throws: `CryptoError` E-KEY-041.
    package static func open(
        _ envelope: [UInt8], epoch: UInt32, circle: CircleID?, keys: DeviceKeys
    ) throws -> EpochKey {
        let info = Envelope.epochInfo(circle: circle, epoch: epoch, device: keys.publicKeys.id)
        let key = try keys.open(envelope, info: info)
        guard key.count == 32 else { throw CryptoError.envelopeRefused }
        return EpochKey(epoch: epoch, key: key)
    }

    /// The key of an earlier epoch under this one: nonce 24 ‖ 32 bytes sealed ‖ tag 16.
    ///
    /// - Parameter previous: of the epoch before, or of the newest whose key is here; nil where none is: random bytes
    ///   then, which open to nothing.
    package func seal(previous: EpochKey?, circle: CircleID) -> [UInt8] {
        guard let previous else { return Sodium.random(32 + AEAD.overhead) }
        precondition(previous.epoch < epoch)
        let subkey = KeyDerivation.subkey(of: key, id: 1, context: "ATepoch_")
        let context = previousContext(circle, previous.epoch)
        return previous.key.withUnsafeBytes { AEAD.seal($0, key: subkey, associatedData: context) }
    }

    /// Opens the key of an earlier epoch.
    ///
    /// - Parameter number: which one it is said to be; nil for the epoch before.
    /// - Throws: `CryptoError` E-KEY-043.
    package func open(previous sealed: [UInt8], as number: UInt32? = nil, circle: CircleID) throws -> EpochKey {
        let subkey = KeyDerivation.subkey(of: key, id: 1, context: "ATepoch_")
        let earlier = number ?? (epoch > 1 ? epoch - 1 : 0)
        guard earlier >= 1, earlier < epoch, sealed.count == 32 + AEAD.overhead,
            let opened = AEAD.open(sealed, key: subkey, associatedData: previousContext(circle, earlier))
        else { throw CryptoError.epochRefused("the key of an earlier epoch", epoch: epoch) }
        return EpochKey(epoch: earlier, key: opened)
    }

    /// A subkey for one purpose.
    func subkey(_ context: String) -> SecretBytes { KeyDerivation.subkey(of: key, id: 1, context: context) }

    /// Which epoch's key it is stands in the context only where it is not the one before.
    private func previousContext(_ circle: CircleID, _ earlier: UInt32) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(Envelope.epochInfo(circle: circle, epoch: epoch, device: nil))
        if earlier + 1 != epoch { writer.bigEndian(earlier) }
        return writer.bytes
    }
}

extension EpochKey {
    /// Bytes of a mark on the local network.
    package static let beaconBytes = 8

    /// What only those who have this key recognise on the local network: the first 8 bytes of keyed BLAKE2b-256 over
    /// the hour and random bytes.
    ///
    /// - Parameters:
    ///   - hour: hours since 1970.
    ///   - random: made anew for each hour.
    package func beacon(hour: UInt64, random: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.beaconContext)
        writer.bigEndian(hour)
        writer.append(random)
        return Array(BLAKE2b.hash(writer.bytes, key: subkey("ATlanadv")).bytes.prefix(Self.beaconBytes))
    }

    private static let beaconContext = Array("attune/v1/lan\0".utf8)
}
