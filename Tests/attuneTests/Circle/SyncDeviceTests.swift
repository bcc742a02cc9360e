// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// The devices of a circle: how one begins, grows, and shuts devices out.
@Suite struct SyncDeviceTests {
    @Test func aNewMachineJoinsWithInitAndTheRecoveryWordsShutTheLastOneOut() throws {
        let outside = try TemporaryDirectory()
        let base = try TinyStore.base.write(to: outside, name: "tiny.gguf")
        let (first, second) = (try AttuneProcess(), try AttuneProcess())
        let words = outside.path + "/words"
        let relay = try RelayProcess()
        let made = try first.run("init", "--base", base, "--recovery-file", words, "--name", "loft", "--yes")
        #expect(made.status == 0, "\(made.errors)")

        func pair(_ change: (String) -> String) throws -> (Int32, AttuneProcess.Result) {
            let adding = try first.start(["devices", "add", "--relay", relay.address, "--yes", "--json"])
            let code = try SyncCircle.code(adding)
            let joined = try second.run(
                "init", "--join", "--code-file", "-", "--relay", relay.address, "--base", base, "--name", "desk",
                "--yes",
                input: change(code))
            _ = adding.remainingLines()
            guard case .exit(let status) = try adding.wait() else { return (-1, joined) }
            return (status, joined)
        }
        // A wrong code leaves no store behind, so that the next one can be tried.
        let wrong = try pair { code in
            let parts = code.split(separator: "-")
            return ([parts[0], parts[2], parts[1], parts[3] == parts[2] ? "otter" : parts[2]]).joined(separator: "-")
        }
        #expect(wrong.0 == 12, "\(wrong)")
        #expect(wrong.1.status == 12, "\(wrong)")
        #expect(!FileManager.default.fileExists(atPath: second.store))
        let right = try pair { $0 }
        #expect(right.0 == 0, "\(right)")
        #expect(right.1.status == 0, "\(right)")

        let list = try first.run("devices", "list", "--json").json()
        let devices = try #require(list["devices"] as? [[String: Any]])
        #expect(devices.map { $0["name"] as? String } == ["loft", "desk", "recovery words"])
        #expect(devices.map { $0["is_this"] as? Bool } == [true, false, false])
        let id = try second.run("devices", "id", "--json").json()
        #expect(id["id"] as? String == devices[1]["id"] as? String)

        let taken = try second.run("devices", "rename", "desk", "loft")
        #expect(taken.status == 6)
        #expect(taken.errors.contains("E-DEVICE-015"))
        // As any device could, that has another client: from now on names alone do not say which one is meant.
        #expect(try second.run("devices", "rename", "desk", "l\u{43E}ft").status == 6)
        // Where nobody answers nothing is said to be new or not.
        let away = try second.run("sync", "now", "--relay", "http://127.0.0.1:1")
        #expect(away.status == 75)
        #expect(away.output.isEmpty)
        #expect(away.errors.contains("cannot be reached: Connection refused"), "\(away.errors)")
        #expect(try second.run("devices", "rename", "desk", "tower").status == 0)
        #expect(try first.run("sync", "now").status == 0)
        #expect(try first.run("devices", "list").output.contains("tower"))

        // The last other device: only with the words, and with the right ones.
        // What it is called since just now does not say who it is, where nobody is asked.
        let doubtful = try first.run("devices", "revoke", "tower", "--yes")
        #expect(doubtful.status == 6)
        #expect(doubtful.errors.contains("E-DEVICE-016"))
        #expect(doubtful.errors.contains("was desk before"))
        let tower = try #require(id["fingerprint"] as? String)
        #expect(doubtful.errors.contains("attune devices revoke \(tower)"))
        #expect(try first.run("devices", "revoke", tower, "--yes").status == 4)
        let other = try outside.write(Self.otherWords, to: "other")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: other)
        #expect(try first.run("devices", "revoke", tower, "--yes", "--words-file", other).status == 12)
        #expect(try first.run("devices", "revoke", "loft", "--yes", "--words-file", words).status == 64)
        #expect(try first.run("devices", "revoke", tower, "--yes", "--words-file", words).status == 0)
        #expect(try second.run("sync", "now").status == 6)
        #expect(try !first.run("devices", "list").output.contains("tower"))

        // What was shut out can come back as a new device only.
        let adding = try first.start(["devices", "add", "--yes", "--json"])
        let code = try SyncCircle.code(adding)
        #expect(
            try second.run(SyncCircle.join + ["--relay", relay.address, "--yes"], input: code).status == 0)
        _ = adding.remainingLines()
        #expect(try adding.wait() == .exit(0))
        #expect(try second.run("devices", "id", "--json").json()["id"] as? String != id["id"] as? String)
    }

    @Test func aRelayThatAsksForAnInviteTakesACircleWithItsTokenOnly() throws {
        let relay = try RelayProcess(options: ["--invite-only"])
        let store = try TinyStore()
        let other = try AttuneProcess()
        let base = try TinyStore.base.write(to: store.outside, name: "again.gguf")
        let add = ["devices", "add", "--relay", relay.address, "--name", "loft", "--yes", "--json"]
        #expect(try store.expect(add, exits: 75).errors.contains("--invite-file"))
        let inviting = try ChildProcess(
            try RelayProcess.binary, ["invite", "--dir", relay.folder], environment: ["PATH": "/usr/bin:/bin"],
            folder: store.outside.path, output: nil, errors: store.outside.path + "/invite-errors")
        let token = try #require(inviting.readLine())
        #expect(try inviting.wait() == .exit(0))
        let invite = try store.outside.write(token + "\n", to: "invite")
        // Among the arguments every user of the machine could read it, and be faster.
        #expect(try store.expect(add + ["--invite", token], exits: 64).errors.contains("--invite-file"))

        // A wrong token shows once the circle is brought there, which is when somebody joins; no circle is there then.
        let wrong = try store.attune.start(
            add + ["--invite-file", try store.outside.write("guess", to: "guess")])
        let first = try SyncCircle.code(wrong)
        let refused = try other.run(
            "init", "--join", "--code-file", "-", "--relay", relay.address, "--base", base, "--name", "desk", "--yes",
            input: first)
        #expect(refused.status != 0)
        #expect(try wrong.wait() == .exit(75))
        #expect(!FileManager.default.fileExists(atPath: other.store))

        let adding = try store.attune.start(add + ["--invite-file", invite])
        let code = try SyncCircle.code(adding)
        let joined = try other.run(
            "init", "--join", "--code-file", "-", "--relay", relay.address, "--base", base, "--name", "desk", "--yes",
            input: code)
        #expect(joined.status == 0, "\(joined.errors)")
        _ = adding.remainingLines()
        #expect(try adding.wait() == .exit(0))
        #expect(try SyncCircle.devices(store) == ["desk", "loft"])
        // What one trains the other has, and the circle needs no token any more.
        try store.train(try store.writeRows(24), name: "notes")
        try SyncCircle.sync(store)
        #expect(try other.run("sync", "now").status == 0)
        #expect(try other.run("ask", "notes", "What of the boat 3?", "--max", "4").status == 0)
        // The token is spent.
        let stranger = try TinyStore(outside: store.outside)
        let (again, late) = (try stranger.attune.start(add + ["--invite-file", invite]), try TinyStore())
        let told = try late.attune.run(
            SyncCircle.join + ["--relay", relay.address, "--yes"], input: SyncCircle.code(again))
        #expect(told.isOrderly)
        #expect(told.status != 0)
        #expect(try again.wait() == .exit(75))
    }

    @Test func commandsSayWhatIsMissing() throws {
        let store = try TinyStore()
        try store.expect("devices", "id", exits: 4)
        try store.expect("sync", "now", exits: 4)
        try store.expect("sync", "status", exits: 4)
        try store.expect("devices", "add", "--yes", exits: 64)
        try store.expect("devices", "add", "--relay", "nonsense", "--yes", exits: 64)
        try store.expect("devices", "add", "--relay", "http://127.0.0.1:1", "--yes", exits: 75)
        let join = SyncCircle.join + ["--relay", "http://127.0.0.1:1", "--yes"]
        try store.expect(join, exits: 64, input: "4-x")
        try store.expect(join, exits: 75, input: "4-otter-otter-otter\n")
        // A circle has begun by now, and sync can be held and limited.
        try store.expect("sync", "pause", exits: 0)
        try store.expect("sync", "now", "--relay", "http://127.0.0.1:1", exits: 6)
        try store.expect("sync", "resume", exits: 0)
        try store.expect("sync", "now", "--relay", "http://127.0.0.1:1", exits: 75)
        try store.expect("sync", "limit", "--up", "512K", exits: 0)
        let limits = try store.expect("sync", "limit", "--json", exits: 0).json()
        #expect(limits["up"] as? Int == 512 << 10)
        #expect(limits["down"] as? Int == nil)
        try store.expect("sync", "log", exits: 0)
    }

    /// Valid words of nobody.
    private static let otherWords = Array(repeating: "abandon", count: 23).joined(separator: " ") + " art\n"

    @Test func whatOthersChangeInTheCircleIsSaidWithTheNamesOfDevices() throws {
        let relay = try RelayProcess()
        let loft = try TinyStore()
        let (desk, cellar) = (try TinyStore(outside: loft.outside), try TinyStore(outside: loft.outside))
        func fingerprint(_ store: TinyStore) throws -> String {
            let own = try store.expect("devices", "id", "--json", exits: 0).json()
            return try #require(own["fingerprint"] as? String)
        }
        try SyncCircle.pair(loft, desk, relays: (relay.address, relay.address))
        try SyncCircle.pair(loft, cellar, relays: (relay.address, relay.address), names: ("loft", "cellar"))
        let (host, guest) = (try fingerprint(loft), try fingerprint(cellar))
        let came = "In the circle now: cellar (\(guest)), which loft (\(host)) let in."
        #expect(try desk.expect("sync", "now", exits: 0).output.contains(came))
        #expect(try desk.expect("sync", "log", exits: 0).output.contains(came))

        // What a device is called here goes before what it calls itself; also in what it pushes to a device that serves.
        try desk.expect("devices", "rename", host, "upstairs", exits: 0)
        try loft.expect("devices", "revoke", guest, "--yes", exits: 0)
        try SyncCircle.serving(desk) { address in try SyncCircle.sync(loft, ["--direct", address]) }
        let gone = "Shut out of the circle by upstairs (\(host)): cellar (\(guest))."
        #expect(try desk.expect("sync", "log", exits: 0).output.contains(gone))
    }
}
