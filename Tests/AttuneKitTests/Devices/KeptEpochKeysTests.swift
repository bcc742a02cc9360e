// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneSync
import AttuneTestSupport
import AttuneVault
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

/// The keys of epochs that a device keeps beside the chain.
@Suite struct KeptEpochKeysTests {
    @Test func aFaultyEpochTakesNothingFromWhoRestarts() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        try a.store.train()
        try a.send(to: b)
        let entries = try b.sync.entries(of: a.sync.device, after: 0, limit: 9, byteLimit: 1 << 20)
        #expect(!entries.isEmpty)
        let before = try b.keyring()
        _ = try CircleKeys(b.vault)

        // An epoch that carries another key than that of the one before.
        let chain = try a.chain()
        let wrong = try EpochKeyring(
            chain: chain, device: DeviceKeys.generate(), known: [EpochKey.random(epoch: chain.epoch)])
        let link = try LinkWriter(chain: chain, keys: a.keys).epoch(keyring: wrong).link
        try b.sync.replaceLinks(after: chain.seq, with: [link], cutOffs: [:])
        let fromChain = try b.keyring()
        #expect(fromChain[chain.epoch]?.isEqual(to: try #require(before[chain.epoch])) != true)

        // A new process has the keys all the same, and the newest too.
        let keys = try CircleKeys(b.vault)
        let keyring = try keys.current().keyring
        for key in before.keys.values { #expect(keyring[key.epoch]?.isEqual(to: key) == true) }
        #expect(keyring.damaged == [chain.epoch])
        #expect(keyring[chain.epoch + 1] != nil)
        for bytes in entries { _ = try keys.payload(of: Entry(parsing: bytes)) }

        // Sealed once more inside the store, and gone with the circle.
        let sealed = try #require(try b.vault.circle.epochKeys())
        for key in before.keys.values {
            let bytes = key.withKey { $0.withUnsafeBytes { Array($0) } }
            #expect(sealed.firstRange(of: bytes) == nil)
        }
        #expect(throws: CryptoError.self) { try EpochKey.open(kept: sealed, vaultKey: SecretBytes(random: 32)) }
        #expect(throws: CryptoError.self) {
            try EpochKey.open(kept: Array(sealed.dropLast()), vaultKey: b.vault.vaultKey())
        }
        try b.vault.circle.leave()
        #expect(try b.vault.circle.epochKeys() == nil)
    }

    @Test func keysOfABranchThatDoesNotCountAreNotUsed() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        _ = try CircleKeys(b.vault)
        let old = try #require(try b.keyring().newest)
        // The epoch begins otherwise: same number, another key.
        let links = try b.sync.links(after: 0, limit: 9)
        let chain = try DeviceChain(verifying: Array(links.dropLast()))
        let other = try LinkWriter(chain: chain, keys: a.keys).epoch(
            keyring: EpochKeyring(chain: chain, device: a.keys))
        try b.sync.replaceLinks(after: chain.seq, with: [other.link], cutOffs: [:])
        let keyring = try DeviceCircle.require(b.vault).keyring()
        #expect(old.epoch == other.key.epoch)
        #expect(keyring[old.epoch]?.isEqual(to: other.key) == true)
        #expect(keyring.damaged.isEmpty)
    }

    /// A link that begins an epoch whose key does not open for some, nor the one before under it.
    private func spoiledEpoch(by member: CircleMember, for others: [CircleMember]) throws -> Link {
        let good = try LinkWriter(chain: member.chain(), keys: member.keys).epoch(keyring: member.keyring()).link
        var body = good.body
        for (place, envelope) in body.epochKeys.envelopes.enumerated()
        where others.contains(where: { $0.sync.device == DeviceID(envelope.device) }) {
            body.epochKeys.envelopes[place].sealed = Data(SyntheticDevice.random(Link.envelopeBytes))
        }
        body.epochKeys.sealedPrevious = Data(SyntheticDevice.random(Link.sealedPreviousBytes))
        let encoded: [UInt8] = try body.serializedBytes()
        return try Link(
            .with {
                $0.body = Data(encoded)
                $0.signature = Data(member.keys.sign(SignedText.link(Link.hash(body: encoded))))
            })
    }

    @Test func keysThatDoNotOpenHideNothingOfWhatTheRelayHas() async throws {
        let devices = try CircleMember.circle(["loft", "desk", "mal", "tower"])
        let (loft, mal) = (devices[0], devices[2])
        _ = try CircleKeys(loft.vault)
        try loft.keep(try spoiledEpoch(by: mal, for: [loft, devices[1], devices[3]]))
        try loft.store.train()
        let relay = try RelayProcess()
        try loft.workspace.updateSyncSettings { $0.relay = relay.address }
        try await loft.workspace.requireMembership()
        #expect(try CircleKeys(loft.vault).obstacle()?.code == "E-SYNC-062")
        let done = try await loft.workspace.revoke([try loft.workspace.device(named: "mal")], confirmation: nil)
        #expect(done.obstacle == nil, "\(done)")
        #expect(done.isPublished)
        _ = try relay.stop()
        let late = try await loft.workspace.revoke([try loft.workspace.device(named: "desk")], confirmation: nil)
        #expect(late.obstacle?.code == "E-SYNC-001", "\(late)")
        #expect(!late.isPublished)
    }

    @Test(arguments: [1, 3]) func keysThatDoNotOpenStopNothingAndGoWithWhoMadeThem(epochs: Int) throws {
        let devices = try CircleMember.circle(["loft", "desk", "mal"])
        let (loft, desk, mal) = (devices[0], devices[1], devices[2])
        try loft.store.train()
        try loft.send(to: desk)
        for member in [loft, desk] { _ = try CircleKeys(member.vault) }
        for _ in 0..<epochs {
            let link = try spoiledEpoch(by: mal, for: [loft, desk])
            for member in devices { try member.keep(link) }
        }

        // What was there opens, nothing is published, and who did it is named.
        let before = try loft.published()
        for member in [loft, desk] {
            let keys = try CircleKeys(member.vault)
            let obstacle = try #require(keys.obstacle())
            #expect(obstacle.code == "E-SYNC-062")
            #expect(obstacle.message.contains("mal (\(mal.sync.device.fingerprint))"))
            #expect(obstacle.remedy?.contains("attune devices revoke \(mal.sync.device.fingerprint)") == true)
            for bytes in before { _ = try keys.payload(of: Entry(parsing: bytes)) }
        }
        try loft.store.train(seed: 2)
        try loft.publish()
        #expect(try loft.published() == before)

        // Whoever has no key that opens shuts it out all the same.
        let circle = try DeviceCircle.require(loft.vault)
        let link = try LinkWriter(chain: circle.chain, keys: circle.keys).revoke(
            [mal.sync.device: nil], keyring: circle.keyring()
        ).link
        for member in [loft, desk] {
            try member.keep(link)
            #expect(try CircleKeys(member.vault).obstacle() == nil)
        }
        try loft.send(to: desk)
        #expect(try loft.published().count == before.count + 1)
        #expect(try desk.vault.adapters.all().map(\.head?.id) == loft.vault.adapters.all().map(\.head?.id))
        // Who has kept nothing, as a new device, walks back over the keys that nobody has.
        let chain = try desk.chain()
        let walked = try desk.keyring()
        #expect(
            Set(walked.keys.keys) == Set(1...chain.epoch).subtracting((0..<epochs).map { chain.epoch - 1 - UInt32($0) })
        )
        #expect(try mal.keyring()[chain.epoch] == nil)
    }

    @Test func whoHasNoKeyAtAllCanStillShutOut() throws {
        let devices = try CircleMember.circle(["loft", "mal", "desk"])
        let (loft, mal) = (devices[0], devices[1])
        let link = try spoiledEpoch(by: mal, for: [loft])
        for member in devices { try member.keep(link) }
        let chain = try loft.chain()
        let revocation = try LinkWriter(chain: chain, keys: loft.keys).revoke(
            [mal.sync.device: nil], keyring: EpochKeyring(chain: chain, device: loft.keys)
        ).link
        try loft.keep(revocation)
        #expect(try loft.keyring().newest?.epoch == chain.epoch + 1)
    }

    /// Each new epoch is sealed for all who stay, an invented device among them.
    @Test func aDeviceForWhichNothingCanBeSealedKeepsNobodyInTheCircle() throws {
        let devices = try CircleMember.circle(["loft", "desk", "mal"])
        let (loft, desk, mal) = (devices[0], devices[1], devices[2])
        let invented = try DeviceKeys.generate()
        var record = invented.publicKeys.record
        record.sealingKey = Data(repeating: 0xff, count: record.sealingKey.count)
        let id = DeviceID(record)
        let chain = try mal.chain()
        #expect(throws: CryptoError.self) {
            _ = try EpochKey.random(epoch: 2).envelope(for: DevicePublicKeys(record), circle: chain.circle)
        }
        let rename = try LinkWriter(chain: chain, keys: mal.keys).rename(to: "x", keyring: mal.keyring()).body
        var body = rename
        body.payload = .add(
            .with {
                $0.device = record
                $0.counterSignature = Data(
                    invented.sign(SignedText.join(circle: chain.circle, device: id, previous: chain.head)))
                $0.sealedName = rename.rename.sealedName
            })
        let encoded: [UInt8] = try body.serializedBytes()
        let addition = try Link(
            .with {
                $0.body = Data(encoded)
                $0.signature = Data(mal.keys.sign(SignedText.link(Link.hash(body: encoded))))
            })
        for member in devices { try member.keep(addition) }
        #expect(try loft.chain().devices[id]?.isActive == true)

        for target in [mal.sync.device, id] {
            let circle = try DeviceCircle.require(loft.vault)
            let link = try LinkWriter(chain: circle.chain, keys: circle.keys).revoke(
                [target: nil], keyring: circle.keyring()
            ).link
            for member in [loft, desk] { try member.keep(link) }
        }
        #expect(try desk.chain().active.map(\.id) == [loft.sync.device, desk.sync.device].sorted())
        #expect(try desk.keyring()[desk.chain().epoch] != nil)
        try loft.store.train()
        try loft.send(to: desk)
        #expect(try desk.vault.adapters.all().map(\.name) == ["notes"])
    }
}
