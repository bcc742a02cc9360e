// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire
import Foundation
import SwiftProtobuf

/// Makes the links by which a device changes its circle; each has been verified as any other device will.
///
/// A link follows on the newest one of `chain`: append it at the relay, and if another was faster, take that one and
/// make the link anew.
package struct LinkWriter: Sendable {
    package let chain: DeviceChain
    private let keys: DeviceKeys

    /// - Parameter keys: of the signer: an active device, or the recovery words.
    package init(chain: DeviceChain, keys: DeviceKeys) {
        self.chain = chain
        self.keys = keys
    }

    /// Starts a circle.
    ///
    /// - Parameters:
    ///   - keys: of the first device.
    ///   - paper: public keys of the recovery words; nil for a circle without.
    /// - Returns: the first link, whose hash is the circle's id, and the key of epoch 1.
    /// - Throws: `CryptoError` E-KEY-044 (name).
    package static func genesis(
        keys: DeviceKeys, name: String, paper: DevicePublicKeys?
    ) throws -> (link: Link, key: EpochKey) {
        let key = EpochKey.random(epoch: 1)
        let recipients = [keys.publicKeys] + (paper.map { [$0] } ?? [])
        let genesis = try ProtoGenesis.with {
            $0.device = keys.publicKeys.record
            if let paper { $0.paper = paper.record }
            $0.epochKeys = Self.epochKeys(key, previous: nil, circle: nil, for: recipients)
            $0.sealedName = Data(try key.seal(name: name, device: keys.deviceID))
        }
        let body = Self.body(signer: keys, seq: 1, previous: .zero, epoch: 0)
        let link = try Self.sign(body, payload: .genesis(genesis), keys: keys)
        _ = try DeviceChain(genesis: link)
        return (link, key)
    }

    /// Adds a device; its epoch key comes with the next `epoch(keyring:)`.
    ///
    /// - Parameter counterSignature: by the new device over this circle and its newest link.
    /// - Throws: `WireError` E-WIRE-005 and E-WIRE-007, `SyncError` E-SYNC-062, `CryptoError` E-KEY-042, E-KEY-044.
    package func add(
        _ device: ProtoDeviceRecord, name: String, counterSignature: [UInt8], keyring: EpochKeyring
    ) throws -> Link {
        let id = DeviceID(device)
        let key = try current(keyring)
        // The next epoch has to be sealed for it; better to know now that this will work.
        _ = try Envelope.seal(SecretBytes(count: 32), to: Array(device.sealingKey), info: [])
        let add = try ProtoAddDevice.with {
            $0.device = device
            $0.counterSignature = Data(counterSignature)
            $0.sealedName = Data(try key.seal(name: name, device: id))
        }
        return try next(.add(add))
    }

    /// Starts an epoch whose key all active devices get, after an addition or to renew the keys.
    ///
    /// - Throws: `WireError` E-WIRE-007.
    package func epoch(keyring: EpochKeyring) throws -> (link: Link, key: EpochKey) {
        let (keys, key) = nextEpoch(keyring, without: [])
        return (try next(.epochKeys(keys)), key)
    }

    /// Gives the signer another name; what others call it is no link.
    ///
    /// - Throws: `WireError` E-WIRE-007, `SyncError` E-SYNC-062, `CryptoError` E-KEY-044.
    package func rename(to name: String, keyring: EpochKeyring) throws -> Link {
        let key = try current(keyring)
        let rename = try ProtoRenameDevice.with {
            $0.device = Data(keys.deviceID.bytes)
            $0.sealedName = Data(try key.seal(name: name, device: keys.deviceID))
        }
        return try next(.rename(rename))
    }

    /// Puts new recovery words in the place of those that the circle has, and starts an epoch that those cannot read.
    ///
    /// - Parameters:
    ///   - paper: the new words as a device.
    ///   - second: who agrees: the words that end, or another device; they sign the revocation of those words.
    /// - Throws: `WireError` E-WIRE-005 and E-WIRE-007.
    package func replaceWords(
        with paper: DeviceKeys, second: (device: DeviceID, signature: [UInt8]), keyring: EpochKeyring
    ) throws -> (link: Link, key: EpochKey) {
        let (epochKeys, key) = nextEpoch(
            keyring, without: chain.paper.map { [$0.id] } ?? [], with: [paper.publicKeys])
        let replace = ProtoReplaceWords.with {
            $0.paper = paper.publicKeys.record
            $0.counterSignature = Data(paper.counterSignature(joining: chain.circle, after: chain.head))
            $0.epochKeys = epochKeys
            $0.secondSigner = Data(second.device.bytes)
            $0.secondSignature = Data(second.signature)
        }
        return (try next(.replaceWords(replace)), key)
    }

    /// Shuts devices out and starts an epoch without them.
    ///
    /// - Parameters:
    ///   - devices: each with its last entry that counts; nil if none does.
    ///   - second: who agrees, where `chain.needsSecondSignature` says so; else left out.
    /// - Throws: `WireError` E-WIRE-005 and E-WIRE-007.
    package func revoke(
        _ devices: [DeviceID: LogPosition?], second: (device: DeviceID, signature: [UInt8])? = nil,
        keyring: EpochKeyring
    ) throws -> (link: Link, key: EpochKey) {
        let ids = devices.keys.sorted()
        let (epochKeys, key) = nextEpoch(keyring, without: ids)
        let revoke = ProtoRevokeDevices.with {
            $0.revocations = ids.map { id in
                let last = devices[id].flatMap { $0 }
                return .with {
                    $0.device = Data(id.bytes)
                    $0.lastSeq = last?.seq ?? 0
                    $0.lastEntry = Data(last?.hash.bytes ?? [])
                }
            }
            $0.epochKeys = epochKeys
            if let second, chain.needsSecondSignature(revoking: ids, by: keys.deviceID) {
                $0.secondSigner = Data(second.device.bytes)
                $0.secondSignature = Data(second.signature)
            }
        }
        return (try next(.revoke(revoke)), key)
    }

    private func current(_ keyring: EpochKeyring) throws -> EpochKey {
        guard let key = keyring[chain.epoch] else {
            let author = chain.epochAuthor.fingerprint
            throw SyncError.keyIsRefused(of: "device \(author)", fingerprint: author, epoch: chain.epoch)
        }
        return key
    }

    private func nextEpoch(
        _ keyring: EpochKeyring, without ids: [DeviceID], with new: [DevicePublicKeys] = []
    ) -> (ProtoEpochKeys, EpochKey) {
        // Who gave out keys that do not open must not decide what can come after them.
        let previous = keyring.newest
        let key = EpochKey.random(epoch: chain.epoch + 1)
        let recipients = chain.recipients.filter { !ids.contains($0.id) }.map { DevicePublicKeys($0.record) } + new
        return (Self.epochKeys(key, previous: previous, circle: chain.circle, for: recipients), key)
    }

    private func next(_ payload: ProtoLinkBody.OneOf_Payload) throws -> Link {
        let body = Self.body(signer: keys, seq: chain.seq + 1, previous: chain.head, epoch: chain.epoch)
        let link = try Self.sign(body, payload: payload, keys: keys)
        var copy = chain
        try copy.append(link)
        return link
    }

    private static func epochKeys(
        _ key: EpochKey, previous: EpochKey?, circle: CircleID?, for devices: [DevicePublicKeys]
    ) -> ProtoEpochKeys {
        .with {
            $0.epoch = key.epoch
            $0.envelopes = devices.sorted { $0.id < $1.id }.map { device in
                .with {
                    $0.device = Data(device.id.bytes)
                    $0.sealed = Data(key.envelope(forWhomever: device, circle: circle))
                }
            }
            if let circle { $0.sealedPrevious = Data(key.seal(previous: previous, circle: circle)) }
        }
    }

    private static func body(signer: DeviceKeys, seq: UInt64, previous: LinkHash, epoch: UInt32) -> ProtoLinkBody {
        .with {
            $0.suite = Link.suite
            $0.seq = seq
            $0.previous = Data(previous.bytes)
            $0.signer = Data(signer.deviceID.bytes)
            $0.epoch = epoch
        }
    }

    private static func sign(
        _ body: ProtoLinkBody, payload: ProtoLinkBody.OneOf_Payload, keys: DeviceKeys
    ) throws -> Link {
        var body = body
        body.version = Link.version(of: payload)
        body.payload = payload
        let encoded: [UInt8] = try body.serializedBytes()
        let hash = Link.hash(body: encoded)
        return try Link(
            .with {
                $0.body = Data(encoded)
                $0.signature = Data(keys.sign(SignedText.link(hash)))
            })
    }
}
