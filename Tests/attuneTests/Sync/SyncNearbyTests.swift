// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Devices that find each other by mDNS, over a real avahi-daemon on a bus of its own.
@Suite struct SyncNearbyTests {
    @Test(.enabled(if: AvahiDaemon.isInstalled, "avahi-daemon, avahi-utils and dbus, as root"))
    func aDeviceFindsTheOneThatServesAndNobodyElseDoes() throws {
        let avahi = try AvahiDaemon()
        let first = try TinyStore(avahi)
        let second = try TinyStore(avahi, outside: first.outside)
        let stranger = try TinyStore(avahi, outside: first.outside)
        try SyncCircle.pairDirectly(first, second, name: "desk")
        try SyncCircle.pairDirectly(stranger, try TinyStore(outside: first.outside), name: "tower")
        try second.expect("sync", "now", exits: 75)

        try first.train(try first.writeRows(40), name: "notes")
        let server = try first.attune.start(["sync", "serve", "--listen", "0.0.0.0:0", "--json"])
        _ = try #require(server.readLine())
        let seen = try avahi.browse()
        #expect(seen.contains("_attune._tcp"), "\(seen)")
        #expect(!seen.contains("loft"), "\(seen)")
        #expect(!seen.contains("desk"), "\(seen)")

        // There is no relay, so the devices nearby are asked.
        let report = try SyncCircle.sync(second)
        #expect(report["chunks_taken"] as? Int ?? 0 >= 1)
        #expect(try SyncCircle.answer(second, "notes") == SyncCircle.answer(first, "notes"))
        try SyncCircle.sync(second, ["--nearby"])
        #expect(try stranger.expect("sync", "now", exits: 75).errors.contains("E-SYNC-072"))
        // The store that serves can be used meanwhile.
        try first.expect("adapters", "rename", "notes", "diary", exits: 0)

        server.send(SIGTERM)
        #expect(try server.wait(limit: 40) == .exit(0))
        #expect(try second.expect("sync", "now", exits: 75).errors.contains("E-SYNC-072"))
    }

    @Test func aMachineWithoutAvahiSaysSo() throws {
        let plain = try TinyStore()
        let first = TinyStore(plain, with: "DBUS_SYSTEM_BUS_ADDRESS", "unix:path=\(plain.outside.path)/no-bus")
        try SyncCircle.pairDirectly(first, try TinyStore(outside: first.outside), name: "desk")
        let result = try first.expect("sync", "now", exits: 75)
        #expect(result.errors.contains("E-SYNC-073"), "\(result.errors)")
        #expect(result.errors.contains("--direct"), "\(result.errors)")
    }
}

/// avahi-daemon on a D-Bus that only its tests know.
final class AvahiDaemon {
    private static let programs = ["/usr/sbin/avahi-daemon", "/usr/bin/avahi-browse", "/usr/bin/dbus-daemon"]
    static var isInstalled: Bool {
        geteuid() == 0 && !FileManager.default.fileExists(atPath: "/run/avahi-daemon/pid")
            && programs.allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }
    }

    let bus: String
    private let folder: TemporaryDirectory
    private let processes: [ChildProcess]

    init() throws {
        folder = try TemporaryDirectory()
        bus = "unix:path=\(folder.path)/bus"
        let configuration = try folder.write(
            """
            <busconfig>
              <type>system</type><listen>\(bus)</listen><auth>EXTERNAL</auth>
              <policy context="default">
                <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/>
              </policy>
            </busconfig>
            """, to: "bus.conf")
        let daemon = try ChildProcess(
            Self.programs[2], ["--config-file=\(configuration)", "--nofork", "--print-address"], environment: [:],
            folder: folder.path, output: nil, errors: folder.path + "/bus-errors")
        _ = daemon.readLine()
        let settings = try folder.write("[server]\nuse-ipv6=no\n[publish]\npublish-workstation=no\n", to: "avahi.conf")
        let avahi = try ChildProcess(
            Self.programs[0], ["--no-drop-root", "--no-chroot", "--no-rlimits", "--file=\(settings)"],
            environment: ["DBUS_SYSTEM_BUS_ADDRESS": bus], folder: folder.path, output: folder.path + "/avahi-output",
            errors: folder.path + "/avahi-errors")
        processes = [avahi, daemon]
        let deadline = ContinuousClock.now + .seconds(20)
        while try browse() == "no daemon", .now < deadline { usleep(100_000) }
    }

    /// What anyone on the network sees.
    func browse() throws -> String {
        let output = folder.path + "/list-\(UUID().uuidString)"
        let list = try ChildProcess(
            Self.programs[1], ["-rptk", "_attune._tcp"], environment: ["DBUS_SYSTEM_BUS_ADDRESS": bus],
            folder: folder.path, output: output, errors: folder.path + "/list-errors")
        guard try list.wait(limit: 20) == .exit(0) else { return "no daemon" }
        return try String(contentsOfFile: output, encoding: .utf8)
    }
}

extension TinyStore {
    /// A store whose commands reach this daemon.
    init(_ avahi: AvahiDaemon, outside: TemporaryDirectory? = nil) throws {
        self = TinyStore(try TinyStore(outside: outside), with: "DBUS_SYSTEM_BUS_ADDRESS", avahi.bus)
    }
}
