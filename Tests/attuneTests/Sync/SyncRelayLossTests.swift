// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// What a relay loses comes back from the devices.
@Suite struct SyncRelayLossTests {
    /// Three machines of one person at a relay whose folder and port stay the same.
    private struct Circle {
        let machines: [TinyStore]
        let rows: String
        let folder: String
        private(set) var relay: RelayProcess

        init() throws {
            let first = try TinyStore()
            machines = [first, try TinyStore(outside: first.outside), try TinyStore(outside: first.outside)]
            rows = try first.writeRows(40)
            folder = first.outside.path + "/relay"
            relay = try RelayProcess(folder: folder)
            for (other, name) in [(machines[1], "desk"), (machines[2], "tower")] {
                try SyncCircle.pair(first, other, relays: (relay.address, relay.address), names: ("loft", name))
            }
        }

        /// Ends the relay, changes its folder, and serves it again at the same port.
        mutating func restart(_ change: () throws -> Void) throws {
            let port = relay.port
            #expect(try relay.stop() == .exit(0))
            try change()
            relay = try RelayProcess(folder: folder, listen: "127.0.0.1:\(port)")
        }

        /// Sets the folder of the relay back to a copy of it.
        mutating func setBack(to copy: String) throws {
            let folder = folder
            try restart {
                try FileManager.default.removeItem(atPath: folder)
                try FileManager.default.moveItem(atPath: copy, toPath: folder)
            }
        }

        /// Copies the folder of the relay, and returns where to.
        mutating func copy() throws -> String {
            let (folder, copy) = (folder, folder + ".week")
            try restart { try FileManager.default.copyItem(atPath: folder, toPath: copy) }
            return copy
        }

        /// Machines have the same versions, these adapters answer the same, and nothing is left to be said.
        func expectAgreement(
            on names: [String], without other: TinyStore? = nil, _ location: SourceLocation = #_sourceLocation
        ) throws {
            let machines = machines.filter { $0.attune.store != other?.attune.store }
            for machine in machines {
                let report = try SyncCircle.sync(machine, [], exits: 0, location)
                #expect(report["failure"] == nil, sourceLocation: location)
            }
            let versions = try machines[0].versions()
            #expect(versions.count >= names.count, sourceLocation: location)
            for machine in machines.dropFirst() {
                #expect(try machine.versions() == versions, sourceLocation: location)
                for name in names {
                    #expect(
                        try SyncCircle.answer(machine, name) == SyncCircle.answer(machines[0], name),
                        "\(name)", sourceLocation: location)
                }
            }
        }

        func check(mends: Bool, contents: Bool = false, exits status: Int32) throws -> [[String: Any]] {
            let output = folder + ".check"
            let process = try ChildProcess(
                try RelayProcess.binary,
                ["check", "--dir", folder] + (mends ? ["--mend"] : []) + (contents ? ["--contents"] : []),
                environment: ["PATH": "/usr/bin:/bin"], folder: machines[0].outside.path, output: output,
                errors: output + "-errors")
            #expect(try process.wait(limit: 60) == .exit(status))
            let errors = try String(contentsOfFile: output + "-errors", encoding: .utf8)
            if status == 8 {
                #expect(errors.contains("--mend \(contents ? "--contents " : "")--dir \(folder)"), "\(errors)")
            }
            let data = try Data(contentsOf: URL(filePath: output))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
        }

        /// Files of chunks below a folder.
        static func chunkFiles(below folder: String) -> [URL] {
            let all = FileManager.default.enumerator(at: URL(filePath: folder), includingPropertiesForKeys: nil)
            return (all?.compactMap { $0 as? URL } ?? []).filter { $0.lastPathComponent.count == 64 }
        }
    }

    @Test func aRelayThatIsSetBackAWeekLosesNothing() throws {
        var circle = try Circle()
        let (loft, desk, tower) = (circle.machines[0], circle.machines[1], circle.machines[2])
        try loft.train(circle.rows, name: "notes")
        for machine in circle.machines { try SyncCircle.sync(machine) }
        let copy = try circle.copy()

        // Since the copy two have pushed; one of them has what the other made, the third one nothing.
        try loft.train(circle.rows, name: "more", seed: 11)
        try SyncCircle.sync(loft)
        try desk.train(circle.rows, name: "other", seed: 12)
        try SyncCircle.sync(desk)
        try loft.train(circle.rows, name: "last", seed: 13)
        try SyncCircle.sync(loft)
        try circle.setBack(to: copy)

        // Whoever notices says so, once, and sends again all that is gone.
        let told = try loft.expect("sync", "now", exits: 0).output
        #expect(told.contains("\(circle.relay.address) had lost what it had shown before"), "\(told)")
        #expect(try loft.expect("sync", "status", "--json", exits: 0).json()["doubts"] as? [String] == [])
        try SyncCircle.sync(desk)
        try SyncCircle.sync(tower)
        try circle.expectAgreement(on: ["notes", "more", "other", "last"])
        #expect(try circle.check(mends: false, exits: 0).isEmpty)
    }

    /// A device goes on there that was shut out since: it brings another one in.
    @Test func aRelayThatIsSetBackTakesTheLinksThatCount() throws {
        var circle = try Circle()
        let (loft, desk, tower) = (circle.machines[0], circle.machines[1], circle.machines[2])
        try loft.train(circle.rows, name: "notes")
        for machine in circle.machines { try SyncCircle.sync(machine) }
        let copy = try circle.copy()
        try loft.expect("devices", "revoke", "tower", "--yes", exits: 0)
        try loft.train(circle.rows, name: "more", seed: 11)
        try SyncCircle.sync(loft)
        try SyncCircle.sync(desk)
        try circle.setBack(to: copy)

        let stranger = try TinyStore(outside: tower.outside)
        let address = circle.relay.address
        try SyncCircle.pair(tower, stranger, relays: (address, address), names: ("tower", "hut"))
        try SyncCircle.sync(stranger)
        try stranger.train(circle.rows, name: "strange", seed: 12)
        try SyncCircle.sync(stranger)

        // It says once that the relay has lost something, as without anybody there.
        #expect(try loft.expect("sync", "now", exits: 0).output.contains("has it again now"))
        try circle.expectAgreement(on: ["notes", "more"], without: tower)
        #expect(try SyncCircle.devices(desk) == ["desk", "loft"])
        #expect(try tower.expect("sync", "now", exits: 6).errors.contains("E-SYNC-004"))
        #expect(try stranger.expect("sync", "now", exits: 5).errors.contains("E-SYNC-003"))
        #expect(try circle.check(mends: false, exits: 0).isEmpty)
    }

    /// The one that was shut out shuts another one out in turn: no relay can say who is right.
    @Test func whereARelayKeepsOtherLinksTheCircleGoesOnAtAnother() throws {
        var circle = try Circle()
        let (loft, desk, tower) = (circle.machines[0], circle.machines[1], circle.machines[2])
        for machine in circle.machines { try SyncCircle.sync(machine) }
        let copy = try circle.copy()
        try loft.expect("devices", "revoke", "tower", "--yes", exits: 0)
        try SyncCircle.sync(desk)
        try circle.setBack(to: copy)
        try tower.expect("devices", "revoke", "desk", "--yes", exits: 0)
        try loft.train(circle.rows, name: "notes")

        let remedy = "attune sync relay URL"
        for machine in [loft, desk] {
            let said = try machine.expect("sync", "now", exits: 6).errors
            #expect(said.contains("E-SYNC-020"), "\(said)")
            #expect(said.contains(remedy), "\(said)")
        }
        // Whatever asks the relay for links leads there, and not in a circle.
        let same = try loft.expect("sync", "relay", circle.relay.address, exits: 6).errors
        #expect(same.contains("E-DEVICE-012"), "\(same)")
        let now = "attune sync now --relay \(circle.relay.address)"
        #expect(same.contains(now), "\(same)")
        let asked = try loft.expect("sync", "now", "--relay", circle.relay.address, exits: 6).errors
        #expect(asked.contains(remedy), "\(asked)")

        let other = try RelayProcess()
        for machine in [loft, desk] { try machine.expect("sync", "relay", other.address, exits: 0) }
        try circle.expectAgreement(on: ["notes"], without: tower)
        #expect(try SyncCircle.devices(desk) == ["desk", "loft"])
    }

    @Test func filesThatAreGoneComeAgainOnceTheRelayIsMended() throws {
        let circle = try Circle()
        try circle.machines[0].train(circle.rows, name: "notes")
        try SyncCircle.sync(circle.machines[0])
        let files = Circle.chunkFiles(below: circle.folder)
        #expect(!files.isEmpty)
        for file in files { try FileManager.default.removeItem(at: file) }

        #expect(try circle.check(mends: false, exits: 8).count >= files.count)
        _ = try circle.check(mends: true, exits: 0)
        #expect(try circle.check(mends: false, exits: 0).isEmpty)
        // Beside the running relay: nothing has to be started anew.
        let sent = try SyncCircle.sync(circle.machines[0])
        #expect(sent["chunks_sent"] as? Int == files.count)
        try circle.expectAgreement(on: ["notes"])
        #expect(Circle.chunkFiles(below: circle.folder).count == files.count)
    }

    @Test func aChunkThatIsDamagedOnTheRelaysDiskComesAgain() throws {
        let circle = try Circle()
        let loft = circle.machines[0]
        try loft.train(circle.rows, name: "notes")
        try SyncCircle.sync(loft)
        let file = try #require(Circle.chunkFiles(below: circle.folder).first)
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: file)

        #expect(try circle.check(mends: false, exits: 0).isEmpty)
        let found = try circle.check(mends: false, contents: true, exits: 8)
        #expect(found.contains { $0["sum"] as? String == "content of chunk \(file.lastPathComponent)" }, "\(found)")
        _ = try circle.check(mends: true, contents: true, exits: 0)
        #expect(try circle.check(mends: false, contents: true, exits: 0).isEmpty)
        let aside = circle.folder + "/chunks/damaged/" + file.lastPathComponent
        #expect(try Data(contentsOf: URL(filePath: aside)) == bytes)
        #expect(try SyncCircle.sync(loft)["chunks_sent"] as? Int == 1)
        try circle.expectAgreement(on: ["notes"])
        #expect(try circle.check(mends: false, contents: true, exits: 0).isEmpty)
    }

    /// Entries that another device brought back make everything seem to be there.
    @Test func aRelayThatIsSetBackGetsChunksFromWhomItShowsNothingOdd() throws {
        var circle = try Circle()
        let (loft, desk, tower) = (circle.machines[0], circle.machines[1], circle.machines[2])
        let copy = try circle.copy()
        // The desk has what was said, and none of its bytes.
        try desk.expect("sync", "limit", "--largest", "1", exits: 0)
        try loft.train(circle.rows, name: "notes")
        try SyncCircle.sync(loft)
        #expect(try SyncCircle.sync(desk)["chunks_taken"] as? Int == 0)
        try circle.setBack(to: copy)
        #expect(try SyncCircle.sync(desk)["chunks_sent"] as? Int == 0)

        let sent = try SyncCircle.sync(loft)
        #expect(sent["chunks_sent"] as? Int ?? 0 > 0, "\(sent)")
        try SyncCircle.sync(tower)
        #expect(try SyncCircle.answer(tower, "notes") == SyncCircle.answer(loft, "notes"))
    }

    @Test func aRelayWhoseDatabaseIsLostGetsTheCircleFromItsDevices() throws {
        var circle = try Circle()
        let (loft, desk) = (circle.machines[0], circle.machines[1])
        try loft.train(circle.rows, name: "notes")
        try SyncCircle.sync(loft)
        try SyncCircle.sync(desk)
        try loft.train(circle.rows, name: "more", seed: 11)
        try SyncCircle.sync(loft)
        let folder = circle.folder
        let files = Circle.chunkFiles(below: folder)
        try circle.restart {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name.hasPrefix("relay.db") {
                try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            }
        }

        // What the error says works as it is typed, on the device that came last too, and nobody has to join.
        let lost = try loft.expect("sync", "now", exits: 5)
        #expect(lost.errors.contains("E-SYNC-003"))
        #expect(lost.errors.contains("attune sync relay \(circle.relay.address)"), "\(lost.errors)")
        try circle.machines[2].expect("sync", "relay", circle.relay.address, exits: 0)

        // Both notice that entries were gone, and bring back what they have.
        for machine in [desk, loft] {
            #expect(try machine.expect("sync", "now", exits: 0).output.contains("has it again now"))
        }
        try circle.expectAgreement(on: ["notes", "more"])
        #expect(Circle.chunkFiles(below: folder).count == files.count)
        #expect(try circle.check(mends: false, exits: 0).isEmpty)
    }
}
