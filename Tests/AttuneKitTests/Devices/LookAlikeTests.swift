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
import Testing

/// A device that calls itself so that a person takes it for another one.
@Suite struct LookAlikeTests {
    /// The devices laptop, desk and one more that has renamed itself, as the laptop has them.
    private static func circle(_ name: String) throws -> (own: CircleMember, desk: CircleMember, other: CircleMember) {
        let devices = try CircleMember.circle(["laptop", "desk", "thief"])
        let before = try devices[0].chain()
        let link = try LinkWriter(chain: before, keys: devices[2].keys).rename(to: name, keyring: devices[2].keyring())
        try CircleKeys(devices[0].vault).keep([link], after: before)
        return (devices[0], devices[1], devices[2])
    }

    @Test(arguments: ["d\u{435}sk", "\u{FF44}esk", "d\u{1EB9}sk", "desk"])
    func devicesWhoseNamesLookTheSameAreNamedByTheirFingerprints(_ name: String) throws {
        let (own, desk, other) = try Self.circle(name)
        let list = try own.workspace.devices()
        #expect(list.filter(\.looksLikeAnother).map(\.id).sorted() == [desk.sync.device, other.sync.device].sorted())
        let shown = try #require(list.first { $0.id == other.sync.device })
        #expect(shown.label == "\(name) (\(shown.fingerprint))")
        #expect(list.first(where: \.isThis)?.label == "laptop")
        for word in [name, "desk"] {
            let failure = #expect(throws: KitError.self) { _ = try own.workspace.device(named: word) }
            #expect(failure?.code == "E-DEVICE-004", "\(word)")
            for device in [desk, other] {
                #expect(failure?.message.contains(device.sync.device.fingerprint) == true, "\(word)")
            }
            #expect(code { _ = try own.workspace.devices(named: [word], isCertain: false) } == "E-DEVICE-004")
            #expect(code { _ = try own.workspace.deviceOrFormer(named: word) } == "E-DEVICE-004")
            #expect(
                code { try own.workspace.export("notes", to: "/nowhere", encryptedTo: word) } == "E-DEVICE-004")
        }
        #expect(try own.workspace.device(named: shown.fingerprint.lowercased()).id == shown.id)
        // What is called otherwise here is told apart by that.
        #expect(try own.workspace.device(named: "laptop").isThis)
    }

    @Test func aNicknameEndsWhatANameBegan() async throws {
        let (own, desk, other) = try Self.circle("d\u{435}sk")
        await #expect(throws: KitError.self) {
            _ = try await own.workspace.renameDevice("laptop", to: "de\u{455}k")
        }
        _ = try await own.workspace.renameDevice(other.sync.device.fingerprint, to: "thief")
        _ = try await own.workspace.renameDevice(desk.sync.device.fingerprint, to: "studio")
        #expect(try own.workspace.device(named: "thief").id == other.sync.device)
        #expect(try own.workspace.device(named: "studio").id == desk.sync.device)
    }

    @Test func aNameThatLooksLikeOneAnotherDeviceHadSaysNothingForSure() throws {
        let (own, desk, other) = try Self.circle("d\u{435}sk")
        let link = try LinkWriter(chain: own.chain(), keys: desk.keys).rename(to: "table", keyring: desk.keyring())
        try CircleKeys(own.vault).keep([link], after: own.chain())
        let list = try own.workspace.devices()
        #expect(list.filter(\.looksLikeAnother).isEmpty)
        let shown = try #require(list.first { $0.id == other.sync.device })
        #expect(shown.isNameInDoubt(among: list, now: Date().addingTimeInterval(8 * 86_400)))
    }

    @Test func theRecoveryWordsAndFingerprintsAreNamesToo() throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let fingerprint = devices[0].sync.device.fingerprint
        let (before, thief) = (try devices[0].chain(), devices[1])
        let link = try LinkWriter(chain: before, keys: thief.keys)
            .rename(to: fingerprint.lowercased(), keyring: thief.keyring())
        try CircleKeys(devices[0].vault).keep([link], after: before)
        let list = try devices[0].workspace.devices()
        #expect(list.filter(\.looksLikeAnother).count == 2)
        #expect(try devices[0].workspace.device(named: fingerprint).isThis)
    }

    @Test func devicesWithOneFingerprintAreToldApartByTheirIds() throws {
        let bytes: [(UInt8, UInt8)] = [(1, 0), (1, 9), (2, 0)]
        let ids = bytes.compactMap { first, last in DeviceID([UInt8](repeating: first, count: 15) + [last]) }
        try #require(ids.count == 3)
        let fingerprints = DeviceCircle.fingerprints(of: ids)
        #expect(ids[0].fingerprint == ids[1].fingerprint)
        #expect(ids.map { fingerprints[$0] } == [ids[0].description, ids[1].description, ids[2].fingerprint])
    }

    @Test func aDeviceThatWasAskedDirectlyIsSaidByWhatItIsCalled() throws {
        let (own, desk, other) = try Self.circle("d\u{435}sk")
        for (device, name) in [(desk, "desk"), (other, "d\u{435}sk")] {
            let id = device.sync.device
            _ = try own.sync.record(
                SyncEvidence(
                    Suspicion(.rollback, by: nil, about: id, seq: 3), held: [], other: [], remote: "device \(id)"))
            let remote = try own.workspace.openDoubts().last?.remote
            #expect(remote == "device \(name) (\(id.fingerprint))")
        }
    }

    @Test func aDeviceThatIsCalledAsAPersonGetsNothingInTheirPlace() throws {
        let (own, _, _) = try Self.circle("Ann\u{430}")
        let anna = try KitStore()
        try anna.workspace.beginCircle(named: "annas", paper: nil)
        try own.store.train()
        for (workspace, other, name) in [
            (own.workspace, anna.workspace, "Anna"), (anna.workspace, own.workspace, "me"),
        ] {
            _ = try workspace.addPerson(card: other.ownCard(), name: name)
            try workspace.confirm(person: name, number: workspace.safetyNumber(with: name).description)
        }
        let path = own.store.folder.path + "/gift.attune"
        #expect(code { try own.workspace.export("notes", to: path, encryptedTo: "Anna") } == "E-DEVICE-004")
        try own.workspace.share("notes", with: "Anna", to: path)
        guard case .received = try anna.workspace.importForDevice(path) else {
            Issue.record("it is not for her")
            return
        }
    }
}
