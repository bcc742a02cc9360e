// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneVault
import AttuneWire

/// New recovery words: those that open the store, and those that are a device of its circle.
///
/// The store opens with both until the circle has the new ones, so whatever ends on the way leaves words that work.
extension Workspace {
    /// Whether the words that open this store are the paper device of its circle too.
    ///
    /// Those of a store that joined a circle open that store alone.
    package func wordsAreOfCircle() throws -> Bool {
        guard let circle = try DeviceCircle.open(vault) else { return false }
        guard let paper = circle.chain.paper else { return true }
        if let noted = try vault.circle.recoveryDevice() {
            // Those that came with a branch of the circle that does not count any more have to be made anew for it.
            return noted == paper.id || circle.chain.devices[noted] == nil
        }
        // A store from before that was noted: the device that began the circle made both of the same words.
        return circle.own?.sponsor == nil && circle.own?.addedAt == 1
    }

    /// Whether the circle has recovery words, which have to agree, or a second device in their place, before new ones come.
    package func wordsNeedAgreement() throws -> Bool { try DeviceCircle.open(vault)?.chain.paper != nil }

    /// Passes if `agreement` is to the end of the circle's recovery words, as far as that can be told before.
    ///
    /// - Throws: `CircleError` E-DEVICE-001; `KitError` E-DEVICE-007, E-DEVICE-008, E-DEVICE-014.
    package func checkAgreement(_ agreement: SecondConfirmation) throws {
        let circle = try DeviceCircle.require(vault)
        guard let paper = circle.chain.paper else { throw KitError.noRecoveryWords }
        _ = try SharedAct.revocation(of: [paper.id]).signature(agreement, in: circle)
    }

    /// Makes the store open with new words beside the earlier ones.
    ///
    /// - Throws: as `Vault.replaceRecoveryWords`.
    package func beginNewWords(_ words: borrowing RecoveryWords) throws {
        let paper = try DeviceKeys(paper: words).deviceID
        try vault.circle.setRecoveryDevice(vault.circle.recoveryDevice(), new: paper)
        try vault.replaceRecoveryWords(words, keepsEarlier: true)
    }

    /// Makes new words the recovery words of the circle: in one link those before end and these come.
    ///
    /// - Parameter agreement: of the earlier words or a second device, where the circle has words.
    /// - Returns: whether the relay knows of it; else the next sync tells it, and until then it takes the earlier ones.
    /// - Throws: `CircleError` E-DEVICE-010; `KitError` E-DEVICE-007, E-DEVICE-014, E-DEVICE-017.
    package func adoptWords(_ paper: DeviceKeys, agreement: SecondConfirmation?) async throws -> Bool {
        // Those who found the earlier words would like a relay that keeps this away from the circle.
        try await changeCircle(isUrgent: true) { circle in
            let keyring = circle.keyring()
            guard let old = circle.chain.paper else {
                let signature = paper.counterSignature(joining: circle.circle, after: circle.chain.head)
                let add = try circle.writer().add(
                    paper.publicKeys.record, name: "recovery words", counterSignature: signature, keyring: keyring)
                return try Self.withNewEpoch(add, circle: circle, keyring: keyring)
            }
            guard let agreement else { throw KitError.wordsNeedAgreement }
            let second = try SharedAct.revocation(of: [old.id]).signature(agreement, in: circle)
            return [try circle.writer().replaceWords(with: paper, second: second, keyring: keyring).link]
        }
    }

    /// Leaves the circle for a new one of this device and the new words alone; nothing is sent to anybody.
    ///
    /// Other devices stay in the circle that was, and so does what its relay has.
    package func beginAnew(_ paper: DeviceKeys, otherName: String) throws {
        let name = try ownName() ?? otherName
        let keys = try DeviceKeys.generate()
        let link = try LinkWriter.genesis(keys: keys, name: name, paper: paper.publicKeys).link
        try enter(circle: link.circle, keys: keys, links: [link], leavesPresent: true)
        try updateSyncSettings { ($0.relay, $0.linksTold) = (nil, nil) }
    }

    /// Ends the earlier words, now that the new ones are those of the circle, or of a store without.
    package func endEarlierWords() throws {
        let new = try vault.circle.newRecoveryDevice()
        try vault.keepNewestRecoveryWords()
        try vault.circle.setRecoveryDevice(new ?? vault.circle.recoveryDevice(), new: nil)
    }

    /// Ends earlier words where the program ended between the circle's change and that of the store.
    package func settleWords() throws {
        guard vault.mode == .writing, let new = try vault.circle.newRecoveryDevice(),
            let circle = try DeviceCircle.open(vault), circle.chain.devices[new] != nil
        else { return }
        try endEarlierWords()
    }

    /// Begins a circle of this device and, if somebody has them at hand, of the store's new recovery words.
    package func beginCircle(named name: String, words: borrowing NewWords, areSeen: Bool) throws {
        // Words that nobody gets to see are no device: nobody could agree to their end.
        try beginCircle(named: name, paper: areSeen ? DeviceKeys(paper: words.words) : nil)
    }

    /// Makes the store open with new words in place of the earlier ones; its circle keeps its own.
    ///
    /// - Throws: `VaultError`, `CryptoError`.
    package func replaceWords(with new: borrowing NewWords) throws { try vault.replaceRecoveryWords(new.words) }

    /// Makes the store open with new words beside the earlier ones.
    ///
    /// - Returns: the words as a device, for `adoptWords` or `beginAnew`.
    package func beginNewWords(_ new: borrowing NewWords) throws -> DeviceKeys {
        let paper = try DeviceKeys(paper: new.words)
        try beginNewWords(new.words)
        return paper
    }
}
