// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// `attune sync delete` and `undelete` over real stores and a relay.
@Suite struct SyncDeletionTests {
    @Test func aCircleGoesWithASecondSignatureOnlyAndComesBack() throws {
        let loft = try TinyStore()
        let desk = try TinyStore(outside: loft.outside)
        let relay = try RelayProcess()
        try SyncCircle.pair(loft, desk, relays: (relay.address, relay.address))
        try loft.train(loft.writeRows(24), name: "notes")
        try SyncCircle.sync(loft)
        try SyncCircle.sync(desk)
        let (agreed, late) = (loft.outside.path + "/agreed", loft.outside.path + "/late")

        // Nobody is asked, nothing agrees, or what agrees is one's own or noise: nothing goes.
        try loft.expect("sync", "delete", exits: 64)
        try loft.expect("sync", "delete", "--yes", exits: 4)
        try desk.expect("sync", "delete", "--write-confirmation", agreed, exits: 0)
        let own = try desk.expect("sync", "delete", "--yes", "--confirmation", agreed, exits: 12)
        #expect(own.errors.contains("not from another device"), "\(own.errors)")
        let noise = try loft.outside.write(String(repeating: "n", count: 152), to: "noise")
        try loft.expect("sync", "delete", "--yes", "--confirmation", noise, exits: 12)
        try SyncCircle.sync(loft)
        // What was agreed to is the circle as it was then.
        try loft.expect("devices", "rename", "loft", "attic", exits: 0)
        try loft.expect("sync", "delete", "--yes", "--confirmation", agreed, exits: 12)
        try SyncCircle.sync(desk)
        try desk.expect("sync", "delete", "--write-confirmation", late, exits: 0)

        let gone = try loft.expect("sync", "delete", "--yes", "--confirmation", late, exits: 0)
        #expect(gone.output.contains("attune sync undelete"), "\(gone.output)")
        for store in [loft, desk] {
            let told = try store.expect("sync", "now", exits: 5)
            #expect(told.errors.contains("E-SYNC-019"), "\(told.errors)")
            #expect(told.errors.contains("attune sync undelete"), "\(told.errors)")
            let status = try store.expect("sync", "status", exits: 0)
            #expect(status.output.contains("DELETED   at the relay, for good on "), "\(status.output)")
        }
        try desk.train(desk.writeRows(24), name: "deskbook")
        try desk.expect("sync", "undelete", exits: 0)
        try desk.expect("sync", "undelete", exits: 0)
        try SyncCircle.sync(desk)
        try SyncCircle.sync(loft)
        for store in [loft, desk] {
            let status = try store.expect("sync", "status", exits: 0)
            #expect(!status.output.contains("DELETED"), "\(status.output)")
        }
        #expect(try loft.versions() == desk.versions())
        #expect(try loft.versions().count == 2)
    }
}
