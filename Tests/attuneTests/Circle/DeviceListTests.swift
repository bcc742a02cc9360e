// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// What a person sees of the other devices, and what stays of one that is shut out.
@Suite struct DeviceListTests {
    @Test func aDeviceIsSeenAndWhatItPublishedStaysWhenItIsShutOut() throws {
        let first = try TinyStore()
        let second = try TinyStore(outside: first.outside)
        let third = try TinyStore(outside: first.outside)
        let relay = try RelayProcess()
        let relays = (relay.address, relay.address)
        try SyncCircle.pair(first, second, relays: relays)
        try SyncCircle.pair(first, third, relays: relays, names: ("loft", "tower"))
        try SyncCircle.sync(second)
        #expect(try Self.device("desk", of: first)["last_received"] == nil)

        let rows = try first.writeRows(40)
        try second.train(rows, name: "notes")
        try SyncCircle.sync(second)
        try SyncCircle.sync(first)
        let desk = try Self.device("desk", of: first)
        #expect(desk["route"] as? String == "relay")
        #expect(desk["last_received"] != nil)
        let list = try first.expect("devices", "list", exits: 0).output
        #expect(list.contains("LAST RECEIVED"), "\(list)")
        #expect(list.contains("just now"), "\(list)")
        #expect(list.contains("this device"), "\(list)")

        // The newest version is at the relay only, and counts.
        try second.train(rows, name: "notes", seed: 11, extra: ["--from", "notes"])
        try SyncCircle.sync(second)
        #expect(try first.versions().count == 1)
        let revoked = try first.expect("devices", "revoke", "desk", "--yes", exits: 0)
        #expect(!revoked.errors.contains("may not be here"))
        #expect(try first.versions().count == 2)
        try SyncCircle.sync(first)
        #expect(try SyncCircle.answer(first, "notes") == SyncCircle.answer(second, "notes"))
    }

    @Test func shuttingOutWithoutTheRelaySaysWhatThatMeans() throws {
        let first = try TinyStore()
        let relay = try RelayProcess()
        for name in ["desk", "tower"] {
            let other = try TinyStore(outside: first.outside)
            try SyncCircle.pair(first, other, relays: (relay.address, relay.address), names: ("loft", name))
        }
        _ = try relay.stop()
        let revoked = try first.expect("devices", "revoke", "desk", "--yes", exits: 0)
        #expect(revoked.errors.contains("may not be here, and does not count then"), "\(revoked.errors)")
        #expect(revoked.errors.contains("cannot be reached"), "\(revoked.errors)")
        #expect(revoked.output.contains("next attune sync now"))
    }

    /// It hears no more of the circle than that, and what it can do is said wherever it asks.
    @Test func aDeviceThatWasShutOutIsToldSoAndComesBackUnderItsName() throws {
        let first = try TinyStore()
        let (desk, tower) = (try TinyStore(outside: first.outside), try TinyStore(outside: first.outside))
        let relay = try RelayProcess()
        let relays = (relay.address, relay.address)
        try SyncCircle.pair(first, desk, relays: relays)
        #expect(try Self.waiting(desk) == 0)
        try SyncCircle.pair(first, tower, relays: relays, names: ("loft", "tower"))
        // The links that let the tower in came from the relay.
        try SyncCircle.sync(desk)
        #expect(try Self.waiting(desk) == 0)

        try first.expect("devices", "revoke", "desk", "--yes", exits: 0)
        let untold = TinyStore(desk, with: "ATTUNE_STORE", desk.attune.home.path + "/untold")
        try FileManager.default.copyItem(atPath: desk.attune.store, toPath: untold.attune.store)
        // Not yet told, it hears it from the relay.
        let said = try untold.expect("devices", "revoke", "tower", "--yes", exits: 6).errors
        #expect(said.contains("was shut out of its circle"), "\(said)")
        #expect(!said.contains("nothing new reaches it"), "\(said)")
        for arguments in [["sync", "relay", relay.address], ["devices", "add", "--yes"]] {
            let said = try desk.expect(arguments, exits: 6).errors
            #expect(said.contains("E-DEVICE-010"), "\(said)")
            #expect(said.contains("was shut out of its circle"), "\(said)")
            #expect(said.contains("attune devices join --relay URL"), "\(said)")
        }
        try desk.expect("sync", "now", exits: 6)
        #expect(try Self.waiting(desk) == 0)
        // What is of the circle is not for it any more.
        let key = try Data(contentsOf: URL(filePath: desk.attune.store + "/vault.key"))
        let card = desk.outside.path + "/card"
        for arguments in [
            ["devices", "rename", "desk", "shelf"], ["devices", "rename", "tower", "shelf"],
            ["devices", "revoke", "tower", "--yes"], ["devices", "revoke", "desk", "--yes"], ["people", "card", card],
            ["key", "show", "--new-recovery", "--yes"],
        ] {
            let said = try desk.expect(arguments, exits: 6).errors
            #expect(said.contains("E-DEVICE-010"), "\(arguments): \(said)")
            #expect(said.contains("attune devices join --relay URL"), "\(arguments): \(said)")
            #expect(!said.contains("Recovery words"), "\(arguments): \(said)")
        }
        #expect(!FileManager.default.fileExists(atPath: card))
        #expect(try Data(contentsOf: URL(filePath: desk.attune.store + "/vault.key")) == key)
        let listed = try desk.expect("devices", "list", exits: 0)
        #expect(listed.output.contains("this device, shut out"), "\(listed.output)")
        #expect(listed.errors.contains("attune devices join --relay URL"), "\(listed.errors)")

        let adding = try first.attune.start(["devices", "add", "--yes", "--json"])
        let code = try SyncCircle.code(adding)
        try desk.expect(SyncCircle.join + ["--relay", relay.address, "--yes"], exits: 0, input: code)
        let lines = adding.remainingLines()
        #expect(try adding.wait() == .exit(0))
        #expect(lines.contains { $0.contains("desk") }, "\(lines)")
        #expect(try SyncCircle.devices(first) == ["desk", "loft", "tower"])
        #expect(try Self.waiting(desk) == 0)
    }

    /// Changes that are still to be sent.
    private static func waiting(_ store: TinyStore) throws -> Int? {
        try store.expect("sync", "status", "--json", exits: 0).json()["waiting"] as? Int
    }

    private static func device(_ name: String, of store: TinyStore) throws -> [String: Any] {
        let list = try store.expect("devices", "list", "--json", exits: 0).json()
        let devices = try #require(list["devices"] as? [[String: Any]])
        return try #require(devices.first { $0["name"] as? String == name })
    }
}
