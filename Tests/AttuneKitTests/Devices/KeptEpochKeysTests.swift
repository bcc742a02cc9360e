// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneSync
import AttuneVault
import AttuneWire
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
        let sealed = try #require(try b.vault.epochKeys())
        for key in before.keys.values {
            let bytes = key.withKey { $0.withUnsafeBytes { Array($0) } }
            #expect(sealed.firstRange(of: bytes) == nil)
        }
        #expect(throws: CryptoError.self) { try EpochKey.open(kept: sealed, vaultKey: SecretBytes(random: 32)) }
        #expect(throws: CryptoError.self) {
            try EpochKey.open(kept: Array(sealed.dropLast()), vaultKey: b.vault.vaultKey())
        }
        try b.vault.leaveCircle()
        #expect(try b.vault.epochKeys() == nil)
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
}
