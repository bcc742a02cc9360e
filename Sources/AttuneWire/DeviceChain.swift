// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The devices of a circle as its links tell, every link verified against those before it.
package struct DeviceChain: Sendable, Equatable {
    /// Hash of the genesis link.
    package let circle: Digest256
    /// Hash of the newest link.
    package private(set) var head: Digest256
    /// Number of the newest link, from 1.
    package private(set) var seq: UInt64
    /// The newest key epoch.
    package private(set) var epoch: UInt32
    /// All devices that ever were in the circle, the paper device among them.
    package internal(set) var devices: [DeviceID: CircleDevice] = [:]
    /// The newest epoch's key, sealed for each device that has it.
    package private(set) var envelopes: [DeviceID: [UInt8]] = [:]
    /// For each epoch from 2: the key of the epoch before, sealed under this epoch's.
    package private(set) var sealedPrevious: [UInt32: [UInt8]] = [:]
    /// Every public key that a device of the circle ever had: none comes twice.
    private var keys: Set<[UInt8]> = []
    /// Number of the newest link that a device signed.
    private(set) var newestSigned: [DeviceID: UInt64] = [:]

    /// Starts a circle from its first link.
    ///
    /// - Throws: `WireError` E-WIRE-005 (signature), E-WIRE-006 (not a first link), E-WIRE-007 (against the rules).
    package init(genesis link: Link) throws {
        guard link.seq == 1, link.previous.bytes.allSatisfy({ $0 == 0 }), link.body.epoch == 0,
            case .genesis(let genesis) = link.body.payload
        else { throw WireError.order("it is not a first link") }
        circle = link.hash
        head = link.hash
        seq = 1
        epoch = 0
        guard !genesis.device.paper, !genesis.hasPaper || genesis.paper.paper else {
            throw WireError.refused("a paper device cannot start a circle")
        }
        guard link.signer == DeviceID(genesis.device) else {
            throw WireError.refused("another device signed the genesis")
        }
        guard link.isSigned(by: Array(genesis.device.signingKey)) else { throw WireError.signature("a link") }
        newestSigned[link.signer] = 1
        try enter(genesis.device, sealedName: Array(genesis.sealedName), nameEpoch: 1)
        if genesis.hasPaper { try enter(genesis.paper, sealedName: [], nameEpoch: 1) }
        try start(genesis.epochKeys)
    }

    /// Verifies a whole chain from its genesis on.
    ///
    /// - Parameter links: serialised `SignedLink`s in order, 1 to 4096.
    /// - Throws: what `Link.init(parsing:)`, `init(genesis:)` and `append(_:)` throw.
    package init(verifying links: [[UInt8]]) throws {
        guard let first = links.first, UInt64(links.count) <= WireLimits.links else {
            throw WireError.order("there are \(links.count) links")
        }
        try self.init(genesis: Link(parsing: first))
        for link in links.dropFirst() { try take(Link(parsing: link)) }
    }

    /// Verifies that `link` may follow and takes it; nothing changes if it may not.
    ///
    /// - Throws: `WireError` E-WIRE-005 (signature), E-WIRE-006 (it belongs elsewhere), E-WIRE-007 (against the rules).
    package mutating func append(_ link: Link) throws {
        var next = self
        try next.take(link)
        self = next
    }

    private mutating func take(_ link: Link) throws {
        guard link.seq == seq + 1 else { throw WireError.order("number \(link.seq) after \(seq)") }
        guard link.previous == head else { throw WireError.order("it follows another link") }
        guard link.body.epoch == epoch else { throw WireError.order("its signer knew another key epoch") }
        guard let signer = devices[link.signer], signer.isActive else {
            throw WireError.refused("its signer is not an active device")
        }
        guard link.isSigned(by: signer.signingKey) else { throw WireError.signature("a link") }
        if link.seq > WireLimits.links - WireLimits.linksOfRevocations {
            guard case .revoke = link.body.payload else {
                throw WireError.refused("its last \(WireLimits.linksOfRevocations) places are for revocations")
            }
        }
        switch link.body.payload {
        case .add(let add):
            let device = DeviceID(add.device)
            let text = SignedText.join(circle: circle, device: device, previous: head)
            guard WireHash.verify(Array(add.counterSignature), of: text, by: Array(add.device.signingKey)) else {
                throw WireError.signature("a new device")
            }
            try enter(add.device, sealedName: Array(add.sealedName), nameEpoch: epoch, at: link.seq)
        case .revoke(let revoke):
            try shutOut(revoke, by: signer, at: link.seq)
            try start(revoke.epochKeys)
        case .epochKeys(let keys):
            try start(keys)
        case .rename(let rename):
            guard let id = DeviceID(rename.device), devices[id]?.isActive == true else {
                throw WireError.refused("a new name for a device that is not active")
            }
            devices[id]?.sealedName = Array(rename.sealedName)
            devices[id]?.nameEpoch = epoch
        case .genesis, nil:
            throw WireError.order("a first link inside the chain")
        }
        head = link.hash
        seq = link.seq
        newestSigned[link.signer] = link.seq
    }

    private mutating func enter(
        _ record: ProtoDeviceRecord, sealedName: [UInt8], nameEpoch: UInt32, at seq: UInt64 = 1
    ) throws {
        let id = DeviceID(record)
        // Whoever had the key of another device's certificate could pass for it on the local network.
        let own = [record.signingKey, record.sealingKey, record.tlsKeyHash].filter { !$0.isEmpty }
        for key in own.map({ Array($0) }) {
            guard keys.insert(key).inserted else { throw WireError.refused("a key that a device already had") }
        }
        guard devices[id] == nil else { throw WireError.refused("a device that was already in the circle") }
        if record.paper {
            guard paper == nil else { throw WireError.refused("a second paper device") }
        } else {
            guard active.count < WireLimits.activeDevices else {
                throw WireError.refused("more than \(WireLimits.activeDevices) devices")
            }
        }
        devices[id] = CircleDevice(
            id: id, record: record, addedAt: seq, sealedName: sealedName, nameEpoch: nameEpoch, revocation: nil)
    }

    private mutating func start(_ keys: ProtoEpochKeys) throws {
        guard keys.epoch == epoch + 1 else { throw WireError.refused("epoch \(keys.epoch) after \(epoch)") }
        let recipients = keys.envelopes.compactMap { DeviceID($0.device) }
        guard recipients == self.recipients.map(\.id) else {
            throw WireError.refused("the keys of an epoch are not for exactly the active devices")
        }
        epoch = keys.epoch
        envelopes = Dictionary(
            zip(recipients, keys.envelopes.map { Array($0.sealed) }), uniquingKeysWith: { first, _ in first })
        if epoch > 1 { sealedPrevious[epoch] = Array(keys.sealedPrevious) }
    }
}
