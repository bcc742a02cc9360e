// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Shutting out two devices at once, which one device cannot do alone.
@Suite struct SyncConfirmationTests {
    @Test func aSecondDeviceAgreesToShutTwoOut() throws {
        let loft = try TinyStore()
        let desk = try TinyStore(outside: loft.outside)
        let relay = try RelayProcess()
        let addresses = (relay.address, relay.address)
        let others = try (0..<2).map { _ in try TinyStore(outside: loft.outside) }
        try SyncCircle.pair(loft, desk, relays: addresses)
        for (other, name) in zip(others, ["phone", "tablet"]) {
            try SyncCircle.pair(loft, other, relays: addresses, names: ("loft", name))
        }
        func file(_ name: String) -> String { loft.outside.path + "/\(name)" }
        func agree(_ store: TinyStore, _ names: [String], _ path: String, exits: Int32 = 0) throws {
            try store.expect(
                ["devices", "revoke"] + names + ["--write-confirmation", path, "--yes"], exits: exits)
        }
        func revoke(_ names: [String], with path: String, exits: Int32) throws {
            try loft.expect(["devices", "revoke"] + names + ["--confirmation", path, "--yes"], exits: exits)
        }
        let both = ["phone", "tablet"]
        try loft.expect(["devices", "revoke"] + both + ["--yes"], exits: 4)

        // One that does not know of the newest devices yet, one's own, one of those who are to go, one for others.
        try agree(desk, ["loft"], file("other"))
        try agree(loft, both, file("own"))
        try SyncCircle.sync(others[0])
        try agree(others[0], ["tablet"], file("leaving"))
        try agree(others[0], both, file("itself"), exits: 64)
        for name in ["other", "own", "leaving"] { try revoke(both, with: file(name), exits: 12) }
        try Data(repeating: 7, count: 152).write(to: URL(filePath: file("noise")))
        try revoke(both, with: file("noise"), exits: 12)

        try SyncCircle.sync(desk)
        try agree(desk, both, file("right"))
        try agree(desk, both, file("right"), exits: 6)
        // It says nothing of one of them, or of a third.
        try revoke(both + ["desk"], with: file("right"), exits: 12)
        try revoke(both.reversed(), with: file("right"), exits: 0)
        #expect(try SyncCircle.devices(loft) == ["desk", "loft"])
        for other in others { try SyncCircle.sync(other, exits: 6) }
        try SyncCircle.sync(desk)
        #expect(try SyncCircle.devices(desk) == ["desk", "loft"])
        // It was good once.
        try SyncCircle.pair(loft, others[0], relays: addresses, names: ("loft", "phone"))
        try SyncCircle.pair(loft, others[1], relays: addresses, names: ("loft", "tablet"))
        try revoke(both, with: file("right"), exits: 12)
    }
}
