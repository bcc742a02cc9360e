// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import CSodium
import Foundation
import SwiftProtobuf

/// A device with a real Ed25519 key from a seed, and a sealing key that nobody opens anything with.
struct SimulatedIdentity: Sendable {
    let record: ProtoDeviceRecord
    let id: DeviceID
    private let secret: [UInt8]

    init(_ random: inout SimulationRandom) {
        precondition(sodium_init() >= 0)
        var publicKey = [UInt8](repeating: 0, count: 32)
        var secretKey = [UInt8](repeating: 0, count: 64)
        crypto_sign_seed_keypair(&publicKey, &secretKey, random.bytes(32))
        var record = ProtoDeviceRecord()
        record.signingKey = Data(publicKey)
        record.sealingKey = Data(random.bytes(1216))
        record.tlsKeyHash = Data(random.bytes(32))
        self.record = record
        id = DeviceID(record)
        secret = secretKey
    }

    func sign(_ message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        crypto_sign_detached(&signature, nil, message, UInt64(message.count), secret)
        return signature
    }

    /// Another signature of the same message, which holds as well: made with `nonce`, 64 random bytes.
    func sign(_ message: [UInt8], nonce: [UInt8]) -> [UInt8] {
        func hash(_ bytes: [UInt8]) -> [UInt8] {
            var hash = [UInt8](repeating: 0, count: 64)
            crypto_hash_sha512(&hash, bytes, UInt64(bytes.count))
            return hash
        }
        func scalar(_ bytes: [UInt8]) -> [UInt8] {
            var scalar = [UInt8](repeating: 0, count: 32)
            crypto_core_ed25519_scalar_reduce(&scalar, bytes)
            return scalar
        }
        var key = Array(hash(Array(secret.prefix(32))).prefix(32))
        (key[0], key[31]) = (key[0] & 248, key[31] & 63 | 64)
        let random = scalar(nonce)
        var point = [UInt8](repeating: 0, count: 32)
        _ = crypto_scalarmult_ed25519_base_noclamp(&point, random)
        var (product, sum) = (point, point)
        crypto_core_ed25519_scalar_mul(&product, scalar(hash(point + secret.suffix(32) + message)), key)
        crypto_core_ed25519_scalar_add(&sum, product, random)
        return point + sum
    }

    /// - Parameter nonce: for another signature than the usual one.
    func link(_ body: ProtoLinkBody, nonce: [UInt8]? = nil) throws -> Link {
        let bytes: [UInt8] = try body.serializedBytes()
        var signed = ProtoSignedLink()
        signed.body = Data(bytes)
        let text = SignedText.link(Link.hash(body: bytes))
        signed.signature = Data(nonce.map { sign(text, nonce: $0) } ?? sign(text))
        return try Link(signed)
    }

    func entry(_ header: ProtoEntryHeader, sealed: [UInt8]) throws -> [UInt8] {
        let bytes: [UInt8] = try header.serializedBytes()
        var signed = ProtoSignedEntry()
        signed.header = Data(bytes)
        signed.sealed = Data(sealed)
        signed.signature = Data(sign(SignedText.entry(Entry.hash(header: bytes, sealed: sealed))))
        return try signed.serializedBytes()
    }
}

/// Links of a circle, made from what a device knows.
enum SimulatedLinks {
    static func genesis(_ device: SimulatedIdentity) throws -> Link {
        var genesis = ProtoGenesis()
        genesis.device = device.record
        genesis.epochKeys = keys(1, for: [device.id])
        genesis.sealedName = Data(repeating: 7, count: 104)
        var body = body(1, previous: .init(repeating: 0, count: 32), device, epoch: 0)
        body.genesis = genesis
        return try device.link(body)
    }

    static func add(_ device: SimulatedIdentity, by signer: SimulatedIdentity, to chain: DeviceChain) throws -> Link {
        var add = ProtoAddDevice()
        add.device = device.record
        add.counterSignature = Data(
            device.sign(SignedText.join(circle: chain.circle, device: device.id, previous: chain.head)))
        add.sealedName = Data(repeating: 8, count: 104)
        var body = body(chain.seq + 1, previous: chain.head.bytes, signer, epoch: chain.epoch)
        body.add = add
        return try signer.link(body)
    }

    static func epoch(by signer: SimulatedIdentity, on chain: DeviceChain) throws -> Link {
        var body = body(chain.seq + 1, previous: chain.head.bytes, signer, epoch: chain.epoch)
        body.epochKeys = keys(chain.epoch + 1, for: chain.recipients.map(\.id))
        return try signer.link(body)
    }

    static func revoke(
        _ device: DeviceID, last: LogPosition?, by signer: SimulatedIdentity, on chain: DeviceChain
    ) throws -> Link {
        var revocation = ProtoRevocation()
        revocation.device = Data(device.bytes)
        revocation.lastSeq = last?.seq ?? 0
        revocation.lastEntry = Data(last?.hash.bytes ?? [])
        var revoke = ProtoRevokeDevices()
        revoke.revocations = [revocation]
        revoke.epochKeys = keys(chain.epoch + 1, for: chain.recipients.map(\.id).filter { $0 != device })
        var body = body(chain.seq + 1, previous: chain.head.bytes, signer, epoch: chain.epoch)
        body.revoke = revoke
        return try signer.link(body)
    }

    static func rename(
        _ device: DeviceID, sealedName: [UInt8], by signer: SimulatedIdentity, on chain: DeviceChain
    ) throws -> Link {
        var body = body(chain.seq + 1, previous: chain.head.bytes, signer, epoch: chain.epoch)
        body.rename.device = Data(device.bytes)
        body.rename.sealedName = Data(sealedName)
        return try signer.link(body)
    }

    private static func body(
        _ seq: UInt64, previous: [UInt8], _ signer: SimulatedIdentity, epoch: UInt32
    ) -> ProtoLinkBody {
        var body = ProtoLinkBody()
        body.version = 1
        body.suite = 2
        body.seq = seq
        body.previous = Data(previous)
        body.signer = Data(signer.id.bytes)
        body.epoch = epoch
        return body
    }

    private static func keys(_ epoch: UInt32, for devices: [DeviceID]) -> ProtoEpochKeys {
        var keys = ProtoEpochKeys()
        keys.epoch = epoch
        keys.envelopes = devices.sorted().map { device in
            var envelope = ProtoEnvelope()
            envelope.device = Data(device.bytes)
            envelope.sealed = Data(repeating: 9, count: 1168)
            return envelope
        }
        if epoch > 1 { keys.sealedPrevious = Data(repeating: 10, count: 72) }
        return keys
    }
}
