// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The devices of a circle as its links tell, every link verified against those before it.
package struct DeviceChain: Sendable, Equatable {
    /// Hash of the genesis link.
    package let circle: CircleID
    /// Hash of the newest link.
    package private(set) var head: LinkHash
    /// Number of the newest link, from 1.
    package private(set) var seq: UInt64
    /// The newest key epoch.
    package private(set) var epoch: UInt32
    /// Who made its key.
    package private(set) var epochAuthor: DeviceID
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
    /// Places of its share that each account has taken.
    private var sharesTaken: [DeviceID: UInt64] = [:]

    /// Starts a circle from its first link.
    ///
    /// - Throws: `WireError` E-WIRE-005 (signature), E-WIRE-006 (not a first link), E-WIRE-007 (against the rules).
    package init(genesis link: Link) throws {
        guard link.seq == 1, link.previous == .zero, link.body.epoch == 0,
            case .genesis(let genesis) = link.body.payload
        else { throw WireError.order("it is not a first link") }
        circle = link.circle
        head = link.hash
        seq = 1
        epoch = 0
        epochAuthor = link.signer
        guard !genesis.device.paper, !genesis.hasPaper || genesis.paper.paper else {
            throw WireError.refused("a paper device cannot start a circle")
        }
        guard link.signer == DeviceID(genesis.device) else {
            throw WireError.refused("another device signed the genesis")
        }
        guard link.isSigned(by: Array(genesis.device.signingKey)) else { throw WireError.signature("a link") }
        newestSigned[link.signer] = 1
        try enter(genesis.device, sealedName: Array(genesis.sealedName), nameEpoch: 1, by: nil, at: 1)
        if genesis.hasPaper { try enter(genesis.paper, sealedName: [], nameEpoch: 1, by: nil, at: 1) }
        try start(genesis.epochKeys, by: link.signer)
    }

    /// Verifies a whole chain from its genesis on.
    ///
    /// - Parameter links: serialised `SignedLink`s in order, 1 to `WireLimits.links`.
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
    package mutating func append(_ link: Link) throws { try append(CollectionOfOne(link)) }

    /// Verifies that `links` may follow one after the other and takes them; nothing changes if one may not.
    ///
    /// - Throws: as for one link.
    package mutating func append(_ links: some Sequence<Link>) throws {
        var next = self
        for link in links { try next.take(link) }
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
        try takePlace(link, by: signer)
        switch link.body.payload {
        case .add(let add):
            try checkConsent(add.counterSignature, of: add.device)
            try enter(add.device, sealedName: Array(add.sealedName), nameEpoch: epoch, by: signer, at: link.seq)
        case .revoke(let revoke):
            try shutOut(revoke, by: signer, at: link.seq)
            try start(revoke.epochKeys, by: signer.id)
        case .replaceWords(let replace):
            try shutOutWords(replace, by: signer, at: link.seq)
            try checkConsent(replace.counterSignature, of: replace.paper)
            try enter(replace.paper, sealedName: [], nameEpoch: epoch, by: signer, at: link.seq)
            try start(replace.epochKeys, by: signer.id)
        case .epochKeys(let keys):
            try start(keys, by: signer.id)
        case .rename(let rename):
            guard let id = DeviceID(rename.device), devices[id]?.isActive == true else {
                throw WireError.refused("a new name for a device that is not active")
            }
            let name = CircleDevice.Name(sealed: Array(rename.sealedName), epoch: epoch, at: link.seq)
            if id == signer.id { devices[id]?.take(name) } else { devices[id]?.givenNames[signer.id] = name }
        case .genesis, nil:
            throw WireError.order("a first link inside the chain")
        }
        head = link.hash
        seq = link.seq
        newestSigned[link.signer] = link.seq
    }

    /// Counts a link after the shared places against the share of its signer; revocations always have a place.
    ///
    /// Whom a device brings in there shares with it, so nobody gets more places by inventing devices.
    private mutating func takePlace(_ link: Link, by signer: CircleDevice) throws {
        guard link.seq > WireLimits.sharedLinks else { return }
        if case .revoke = link.body.payload { return }
        let taken = sharesTaken[signer.account] ?? 0
        guard taken < WireLimits.linksOfShare else {
            throw WireError.refused("its signer has used up its share of \(WireLimits.linksOfShare) links")
        }
        sharesTaken[signer.account] = taken + 1
    }

    /// Whether the owner of the keys wants to join this circle at this place.
    private func checkConsent(_ signature: some Sequence<UInt8>, of record: ProtoDeviceRecord) throws {
        let text = SignedText.join(circle: circle, device: DeviceID(record), previous: head)
        guard WireHash.verify(Array(signature), of: text, by: Array(record.signingKey)) else {
            throw WireError.signature(record.paper ? "new recovery words" : "a new device")
        }
    }

    private mutating func enter(
        _ record: ProtoDeviceRecord, sealedName: [UInt8], nameEpoch: UInt32, by sponsor: CircleDevice?, at seq: UInt64
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
        let account = sponsor.flatMap { seq > WireLimits.sharedLinks ? $0.account : nil }
        devices[id] = CircleDevice(
            id: id, record: record, name: CircleDevice.Name(sealed: sealedName, epoch: nameEpoch, at: seq),
            sponsor: sponsor?.id, account: account ?? id)
    }

    private mutating func start(_ keys: ProtoEpochKeys, by signer: DeviceID) throws {
        guard keys.epoch == epoch + 1 else { throw WireError.refused("epoch \(keys.epoch) after \(epoch)") }
        let recipients = keys.envelopes.compactMap { DeviceID($0.device) }
        guard recipients == self.recipients.map(\.id) else {
            throw WireError.refused("the keys of an epoch are not for exactly the active devices")
        }
        (epoch, epochAuthor) = (keys.epoch, signer)
        envelopes = Dictionary(
            zip(recipients, keys.envelopes.map { Array($0.sealed) }), uniquingKeysWith: { first, _ in first })
        if epoch > 1 { sealedPrevious[epoch] = Array(keys.sealedPrevious) }
    }
}
