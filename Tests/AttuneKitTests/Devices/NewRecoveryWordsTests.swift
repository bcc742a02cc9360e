// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneSync
import AttuneVault
import AttuneWire
import Foundation
import Testing

/// A change of recovery words that is cut off between any two of its steps leaves words that work.
@Suite struct NewRecoveryWordsTests {
    private static func words(_ text: String) throws -> RecoveryWords {
        try RecoveryWords(words: SecretBytes(copying: Array(text.utf8)))
    }

    private static func paper(_ text: String) throws -> DeviceKeys { try DeviceKeys(paper: words(text)) }

    private static func random() -> String { RecoveryWords.random().words.joined(separator: " ") }

    /// Which of the words open the store.
    private static func opening(_ store: KitStore, _ all: [String]) throws -> [Bool] {
        let file = try Vault.keyFile(at: store.workspace.paths.store.path)
        return all.map { text in
            code { _ = try file.unlock(recovery: words(text)) } == nil
        }
    }

    /// The words of `all` that are the circle's.
    private static func inCircle(_ store: KitStore, _ all: [String]) throws -> [Bool] {
        let chain = try DeviceCircle.require(store.workspace.vault).chain
        return try all.map { try paper($0).deviceID == chain.paper?.id }
    }

    /// A store whose words are its circle's.
    private static func store(_ text: String) throws -> KitStore {
        let store = try KitStore()
        try store.workspace.vault.replaceRecoveryWords(words(text))
        try store.workspace.beginCircle(named: "laptop", paper: paper(text))
        return store
    }

    @Test func whereverItIsCutOffOneSetOfWordsOpensStoreAndCircle() async throws {
        let (old, new) = (Self.random(), Self.random())
        let store = try Self.store(old)
        let workspace = store.workspace
        #expect(try workspace.wordsAreOfCircle())

        try workspace.beginNewWords(Self.words(new))
        // Cut off here: the earlier ones are as they were, and nothing settles by itself.
        try workspace.settleWords()
        #expect(try Self.opening(store, [old, new]) == [true, true])
        #expect(try Self.inCircle(store, [old, new]) == [true, false])
        #expect(try workspace.wordsAreOfCircle())

        // Made again with other words, as a person would.
        let third = Self.random()
        try workspace.beginNewWords(Self.words(third))
        #expect(try Self.opening(store, [old, new, third]) == [true, false, true])
        let published = try await workspace.adoptWords(
            Self.paper(third), agreement: .words(Self.paper(old)))
        #expect(!published)
        // Cut off here: the circle has the new ones; the next command that writes ends the earlier ones.
        #expect(try Self.opening(store, [old, third]) == [true, true])
        #expect(try Self.inCircle(store, [old, third]) == [false, true])
        try workspace.settleWords()
        #expect(try Self.opening(store, [old, third]) == [false, true])
        #expect(try workspace.wordsAreOfCircle())
        try workspace.settleWords()
        #expect(try Self.opening(store, [old, third]) == [false, true])
    }

    @Test func whatDoesNotAgreeChangesNothing() async throws {
        let (old, new) = (Self.random(), Self.random())
        let store = try Self.store(old)
        let head = try DeviceCircle.require(store.workspace.vault).chain.head
        for agreement in [nil, SecondConfirmation.words(try Self.paper(new))] {
            await #expect(throws: KitError.self) {
                _ = try await store.workspace.adoptWords(Self.paper(new), agreement: agreement)
            }
        }
        #expect(try DeviceCircle.require(store.workspace.vault).chain.head == head)
        #expect(throws: KitError.self) { try store.workspace.checkAgreement(.words(Self.paper(new))) }
        try store.workspace.checkAgreement(.words(Self.paper(old)))
    }

    @Test func aCircleWithoutWordsTakesTheFirstOnesWithoutAsking() async throws {
        let store = try KitStore()
        try store.workspace.beginCircle(named: "laptop", paper: nil)
        let new = Self.random()
        #expect(try store.workspace.wordsAreOfCircle())
        #expect(try !store.workspace.wordsNeedAgreement())
        try store.workspace.beginNewWords(Self.words(new))
        _ = try await store.workspace.adoptWords(Self.paper(new), agreement: nil)
        try store.workspace.endEarlierWords()
        #expect(try Self.opening(store, [new]) == [true])
        #expect(try Self.inCircle(store, [new]) == [true])
    }

    @Test func aNewCircleKeepsWhatTheStoreHasAndLeavesTheOldOneAlone() throws {
        let (old, new) = (Self.random(), Self.random())
        let store = try Self.store(old)
        let before = try DeviceCircle.require(store.workspace.vault)
        let trained = try store.train()
        try store.workspace.beginNewWords(Self.words(new))
        try store.workspace.beginAnew(Self.paper(new), otherName: "x")
        try store.workspace.settleWords()
        let after = try DeviceCircle.require(store.workspace.vault)
        #expect(after.circle != before.circle)
        #expect(after.device != before.device)
        #expect(try store.workspace.devices().first?.name == "laptop")
        #expect(try store.workspace.vault.versions.fetch("notes").id == trained.id)
        #expect(try Self.opening(store, [old, new]) == [false, true])
        #expect(try Self.inCircle(store, [old, new]) == [false, true])
        #expect(try store.workspace.syncSettings().relay == nil)
        #expect(try store.workspace.vault.events.draftCount() > 0)
    }

    @Test func devicesNameThemselvesAndOthersAreCalledOtherwiseHereOnly() async throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let (a, b) = (devices[0], devices[1])
        let (named, isLocal) = try await a.workspace.renameDevice("desk", to: "studio")
        #expect(isLocal)
        #expect(named.name == "studio")
        #expect(named.ownName == "desk")
        #expect(try a.chain() == b.chain())
        #expect(try a.workspace.device(named: "desk").id == named.id)
        #expect(try a.workspace.device(named: "studio").id == named.id)
        // What others are called cannot be one's own name.
        await #expect(throws: KitError.self) { _ = try await a.workspace.renameDevice("laptop", to: "studio") }
        await #expect(throws: KitError.self) { _ = try await a.workspace.renameDevice("laptop", to: "desk") }
        await #expect(throws: CryptoError.self) { _ = try await a.workspace.renameDevice("desk", to: "a\nb") }
        let (own, isOwnLocal) = try await a.workspace.renameDevice("laptop", to: "loft")
        #expect(!isOwnLocal)
        #expect(own.formerNames == ["laptop"])
        #expect(own.renamed != nil)
        #expect(try a.chain().seq == b.chain().seq + 1)
        let (again, _) = try await a.workspace.renameDevice("studio", to: "desk")
        #expect(!again.hasNickname)
    }

    @Test func twoDevicesThatSwapTheirNamesAreToldApart() async throws {
        let devices = try CircleMember.circle(["laptop", "desk", "thief"])
        let (a, thief) = (devices[0], devices[2])
        // The thief calls itself desk, and gives the desk its own name: only the first is a name.
        let before = try a.chain()
        let link = try LinkWriter(chain: thief.chain(), keys: thief.keys).rename(to: "desk", keyring: thief.keyring())
        try CircleKeys(a.vault).keep([link], after: before)
        let list = try a.workspace.devices()
        #expect(list.map(\.name).sorted() == ["desk", "desk", "laptop"])
        #expect(code { _ = try a.workspace.device(named: "desk") } == "E-DEVICE-004")
        let renamed = try #require(list.first { $0.id == thief.sync.device })
        #expect(renamed.formerNames == ["thief"])
        #expect(renamed.isNameInDoubt(among: list))
        #expect(code { _ = try a.workspace.device(named: "thief") } == "E-DEVICE-003")
        let found = try a.workspace.devices(named: [renamed.fingerprint.lowercased()], isCertain: true)
        #expect(found.map(\.id) == [renamed.id])
        // After a week the name is taken, unless another device has left it: here the one who was called desk goes on.
        let week = Date().addingTimeInterval(8 * 86_400)
        #expect(!renamed.isNameInDoubt(among: list, now: week))
        let desk = devices[1]
        let other = try LinkWriter(chain: a.chain(), keys: desk.keys).rename(to: "table", keyring: desk.keyring())
        try CircleKeys(a.vault).keep([other], after: a.chain())
        #expect(renamed.isNameInDoubt(among: try a.workspace.devices(), now: week))
        #expect(code { _ = try a.workspace.devices(named: ["desk"], isCertain: true) } == "E-DEVICE-016")
        #expect(try a.workspace.devices(named: ["desk"], isCertain: false).map(\.id) == [renamed.id])
    }
}
