// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneRelay
import AttuneTestSupport
import AttuneWire
import Foundation
import GRDB
import NIOCore
import Synchronization
import Testing

@Suite("Stores of a relay") struct StoreTests {
    @Test("SQLite and files keep what a relay keeps", arguments: StoreConformance.all.indices)
    func sqlite(part: Int) async throws {
        let folder = try TemporaryDirectory()
        let clock = StoreConformance.TestClock()
        let store = try SQLRelayStore(folder: folder.path, now: { clock.now })
        try await StoreConformance.all[part].run(StoreConformance(store: store, clock: clock))
    }

    @Test(
        "PostgreSQL keeps what a relay keeps",
        .enabled(if: PostgresServer.absence == nil, Comment(rawValue: PostgresServer.absence ?? "")))
    func postgres() async throws {
        let server = try PostgresServer()
        defer { withExtendedLifetime(server) {} }
        for part in StoreConformance.all {
            // Each in a schema of its own: one server serves them all.
            let schema = "s" + UUID().uuidString.prefix(8).lowercased()
            let clock = StoreConformance.TestClock()
            let (store, _) = try await SQLRelayStore.postgres(
                server.address, schema: schema, now: { clock.now })
            try await part.run(StoreConformance(store: store, clock: clock))
        }
    }

    @Test("sums are what is there after mixed changes with collections between, and a wrong one is found and mended")
    func sqliteSums() async throws {
        let folder = try TemporaryDirectory()
        let clock = StoreConformance.TestClock()
        let store = try SQLRelayStore(folder: folder.path, now: { clock.now })
        let circle = try await MixedChanges(stores: [store], clock: clock).run(
            count: MixedChanges.isLong ? 10_000 : 400)
        #expect(try await store.check(mends: false).isEmpty)

        let database = try Self.database(in: folder.path)
        try await database.write { database in
            try database.execute(sql: "UPDATE circles SET bytes = bytes + 1000000, kept = 5")
            try database.execute(sql: "UPDATE chunks SET uses = uses + 1 WHERE uses > 0")
        }
        let found = try await store.check(mends: true)
        #expect(found.contains { $0.sum == "bytes" && $0.counted - $0.there == 1_000_000 && $0.circle == circle })
        #expect(found.contains { $0.sum == "kept" })
        #expect(found.contains { $0.sum.hasPrefix("chunk ") && $0.counted == $0.there + 1 })
        #expect(try await store.check(mends: false).isEmpty)
    }

    @Test(
        "sums are what is there after mixed changes on two nodes of one PostgreSQL with collections between",
        .enabled(if: PostgresServer.absence == nil, Comment(rawValue: PostgresServer.absence ?? "")))
    func postgresSums() async throws {
        let server = try PostgresServer()
        defer { withExtendedLifetime(server) {} }
        let clock = StoreConformance.TestClock()
        let (one, _) = try await SQLRelayStore.postgres(server.address, now: { clock.now })
        let (two, _) = try await SQLRelayStore.postgres(server.address, now: { clock.now })
        _ = try await MixedChanges(stores: [one, two], clock: clock).run(count: MixedChanges.isLong ? 10_000 : 600)
        #expect(try await one.check(mends: false).isEmpty)
        #expect(try await two.check(mends: false).isEmpty)
    }

    @Test("chunks whose files are gone or cut are found, are awaited once that is mended, and can come again")
    func lostFiles() async throws {
        let folder = try TemporaryDirectory()
        let store = try SQLRelayStore(folder: folder.path)
        let shelf = try await Shelf(store)
        let (gone, cut, whole, unnamed) = (shelf.chunks[0], shelf.chunks[1], shelf.chunks[2], shelf.chunks[3])
        let all = shelf.chunks.map(\.id)
        for chunk in [gone, unnamed] { unlink(Self.file(of: chunk.id, in: folder.path)) }
        truncate(Self.file(of: cut.id, in: folder.path), 4096)
        let size = Int64(WireLimits.chunkBytes)
        let found = try await store.check(mends: false).filter { $0.sum.hasPrefix("bytes of ") }
        #expect(Set(found.map(\.sum)) == Set([gone, cut, unnamed].map { "bytes of chunk \($0.id)" }))
        for difference in found {
            #expect(difference.circle == shelf.circle.id)
            #expect(difference.counted == size)
            #expect(difference.there == 0)
        }
        // To look changes nothing.
        #expect(try await store.missing(all, in: shelf.circle.id).isEmpty)
        let before = try await store.frontier(of: shelf.circle.id).chunkGeneration

        #expect(try await store.check(mends: true).count >= 3)
        #expect(try await store.check(mends: false).isEmpty)
        #expect(try await store.missing(all, in: shelf.circle.id) == [gone.id, cut.id, unnamed.id])
        #expect(try await store.missing(all, in: shelf.circle.id, ifNamed: true) == [gone.id, cut.id])
        #expect(try await store.frontier(of: shelf.circle.id).chunkGeneration != before)
        for chunk in [gone, cut] {
            #expect(try await store.putChunk(ByteBuffer(bytes: chunk.bytes), id: chunk.id, in: shelf.circle.id))
        }
        for chunk in [gone, cut, whole] {
            let bytes = try await store.chunk(chunk.id, in: shelf.circle.id)
            #expect(bytes == ByteBuffer(bytes: chunk.bytes))
        }
        #expect(try await store.check(mends: false).isEmpty)
    }

    @Test("chunks whose files hold other bytes are found by reading them, and can come again once that is mended")
    func damagedFiles() async throws {
        let folder = try TemporaryDirectory()
        let clock = Clock()
        let store = try SQLRelayStore(folder: folder.path, now: { clock.now })
        let shelf = try await Shelf(store)
        let (named, unnamed) = (shelf.chunks[1], shelf.chunks[3])
        for chunk in [named, unnamed] { try Self.flip(Self.file(of: chunk.id, in: folder.path)) }
        #expect(try await store.check(mends: false).isEmpty)
        let found = try await store.check(mends: false, contents: true).filter { $0.sum.hasPrefix("content of ") }
        #expect(Set(found.map(\.sum)) == Set([named, unnamed].map { "content of chunk \($0.id)" }))
        #expect(found.allSatisfy { $0.circle == shelf.circle.id })
        #expect(try await store.missing([named.id], in: shelf.circle.id).isEmpty)

        _ = try await store.check(mends: true, contents: true)
        #expect(try await store.check(mends: false, contents: true).isEmpty)
        #expect(try await store.missing([named.id], in: shelf.circle.id, ifNamed: true) == [named.id])
        let aside = folder.path + "/chunks/damaged/\(named.id)"
        #expect(FileManager.default.fileExists(atPath: aside))
        #expect(try await store.putChunk(ByteBuffer(bytes: named.bytes), id: named.id, in: shelf.circle.id))
        #expect(try await store.chunk(named.id, in: shelf.circle.id) == ByteBuffer(bytes: named.bytes))
        #expect(try await store.check(mends: false, contents: true).isEmpty)
        // What was set aside stays for as long as other bytes that nothing counts.
        clock.days.store(29, ordering: .relaxed)
        try await store.collectGarbage()
        #expect(FileManager.default.fileExists(atPath: aside))
        clock.days.store(31, ordering: .relaxed)
        try await store.collectGarbage()
        #expect(!FileManager.default.fileExists(atPath: aside))
        #expect(try await store.chunk(named.id, in: shelf.circle.id) == ByteBuffer(bytes: named.bytes))
    }

    @Test("a file that nothing counts and that holds other bytes is not taken for the chunk that comes")
    func damagedLeftovers() async throws {
        let folder = try TemporaryDirectory()
        let store = try SQLRelayStore(folder: folder.path)
        let shelf = try await Shelf(store)
        let chunk = shelf.chunks[0]
        try Self.flip(Self.file(of: chunk.id, in: folder.path))
        try await Self.database(in: folder.path).write { database in
            try database.execute(sql: "UPDATE chunks SET size = 0 WHERE id = ?", arguments: [Data(chunk.id.bytes)])
        }
        #expect(try await store.putChunk(ByteBuffer(bytes: chunk.bytes), id: chunk.id, in: shelf.circle.id))
        #expect(try await store.chunk(chunk.id, in: shelf.circle.id) == ByteBuffer(bytes: chunk.bytes))
    }

    @Test("a file that cannot be opened counts as there, and stops what would take it for gone")
    func unreachableFiles() async throws {
        let folder = try TemporaryDirectory()
        let store = try SQLRelayStore(folder: folder.path)
        let shelf = try await Shelf(store)
        let chunk = shelf.chunks[1]
        let path = Self.file(of: chunk.id, in: folder.path)
        rename(path, path + ".kept")
        // A link to itself stands for whatever keeps a file from being opened.
        #expect(symlink(path, path) == 0)
        for contents in [false, true] {
            for mends in [false, true] {
                let error = await #expect(throws: RelayError.self) {
                    _ = try await store.check(mends: mends, contents: contents)
                }
                #expect(error?.kind == .disk, "contents \(contents), mends \(mends)")
            }
        }
        await #expect(throws: RelayError.self) { _ = try await store.chunk(chunk.id, in: shelf.circle.id) }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/chunks/damaged/\(chunk.id)"))
        unlink(path)
        rename(path + ".kept", path)
        #expect(try await store.missing(shelf.chunks.map(\.id), in: shelf.circle.id).isEmpty)
        #expect(try await store.chunk(chunk.id, in: shelf.circle.id) == ByteBuffer(bytes: chunk.bytes))
        #expect(try await store.check(mends: false, contents: true).isEmpty)
    }

    @Test("bytes that the disk has lost are other bytes; any other failure to read them says nothing of them")
    func failedReads() async throws {
        let folder = try TemporaryDirectory()
        let library = folder.path + "/failing-disk.so"
        let compiling = try Self.run(
            "clang",
            ["-shared", "-fPIC", "-O1", "-o", library, TestBase.tests.path + "/Data/failing-disk.c", "-ldl"])
        try #require(compiling.end == .exit(0), "\(compiling.output)")
        let shelf = try await Shelf(try SQLRelayStore(folder: folder.path + "/relay"))
        let chunks = try #require(realpath(folder.path + "/relay/chunks", nil).map { String(cString: $0) })
        for (number, lost, end) in [(EIO, 4, ChildProcess.End.exit(8)), (ENOMEM, 0, .exit(1))] {
            let checked = try Self.run(
                try RelayProcess.binary, ["check", "--dir", folder.path + "/relay", "--contents"],
                [
                    "LD_PRELOAD": library, "DISK_FOLDER": chunks, "DISK_READS": "1", "DISK_FIRST": "1",
                    "DISK_LAST": "\(Int.max)", "DISK_ERROR": "\(number)",
                ])
            #expect(checked.end == end, "\(number): \(checked.output)")
            #expect(checked.output.components(separatedBy: "content of chunk").count - 1 == lost, "\(number)")
            #expect(checked.output.contains("E-RELAY-033") == (lost == 0), "\(checked.output)")
        }
        #expect(shelf.chunks.count == 4)
    }

    private static func run(
        _ program: String, _ arguments: [String], _ environment: [String: String] = [:]
    ) throws -> (end: ChildProcess.End, output: String) {
        let folder = try TemporaryDirectory()
        let process = try ChildProcess(
            program, arguments,
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
                .merging(environment) { $1 },
            folder: folder.path, output: nil, errors: folder.path + "/errors")
        let lines = process.remainingLines()
        let end = try process.wait(limit: 120)
        let errors = (try? String(contentsOfFile: folder.path + "/errors", encoding: .utf8)) ?? ""
        return (end, lines.joined(separator: "\n") + errors)
    }

    /// The time, so many days on.
    private final class Clock: Sendable {
        let days = Atomic<Int64>(0)
        var now: Int64 { Int64(Date().timeIntervalSince1970) + days.load(ordering: .relaxed) * 86_400 }
    }

    /// Changes one bit in the middle of a file.
    private static func flip(_ path: String) throws {
        let file = try FileHandle(forUpdating: URL(filePath: path))
        defer { try? file.close() }
        try file.seek(toOffset: 5000)
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: 5000)
        try file.write(contentsOf: Data([byte ^ 4]))
    }

    @Test("of a lost database the files stay for a month, and an entry that names them again gets them by mending")
    func lostRows() async throws {
        let folder = try TemporaryDirectory()
        let clock = Clock()
        let store = try SQLRelayStore(folder: folder.path, now: { clock.now })
        let shelf = try await Shelf(store)
        let (named, other) = (shelf.chunks[0], shelf.chunks[1])
        let database = try Self.database(in: folder.path)
        try await database.write { database in
            try database.execute(sql: "UPDATE chunks SET size = 0 WHERE id = ?", arguments: [Data(named.id.bytes)])
            try database.execute(
                sql: "DELETE FROM chunks WHERE id = ?", arguments: [Data(shelf.chunks[3].id.bytes)])
        }
        // Who only names the chunk of another circle does not get it.
        let stranger = SyntheticDevice()
        let elsewhere = try SyntheticCircle(founder: stranger, paper: SyntheticDevice(paper: true))
        #expect(try await store.createCircle(elsewhere.id, links: [StoredLink(elsewhere.links[0])], invite: nil))
        let entry = try elsewhere.entry(by: stranger, chunks: [other.id])
        #expect(try await Shelf.append(entry, to: elsewhere, of: store) == [.new])

        clock.days.store(2, ordering: .relaxed)
        try await store.collectGarbage()
        _ = try await store.check(mends: true)
        let bytes = try await store.chunk(named.id, in: shelf.circle.id)
        #expect(bytes == ByteBuffer(bytes: named.bytes))
        #expect(try await store.missing([other.id], in: elsewhere.id) == [other.id])
        #expect(try await store.check(mends: false).isEmpty)
        // Of a chunk that nothing names any more the file goes in the end.
        let left = Self.file(of: shelf.chunks[3].id, in: folder.path)
        #expect(FileManager.default.fileExists(atPath: left))
        clock.days.store(31, ordering: .relaxed)
        try await store.collectGarbage()
        #expect(!FileManager.default.fileExists(atPath: left))
        #expect(FileManager.default.fileExists(atPath: Self.file(of: named.id, in: folder.path)))
    }

    @Test(
        "a chunk whose bytes PostgreSQL has not any more is found, and can come again once that is mended",
        .enabled(if: PostgresServer.absence == nil, Comment(rawValue: PostgresServer.absence ?? "")))
    func lostBytes() async throws {
        let server = try PostgresServer()
        defer { withExtendedLifetime(server) {} }
        let (store, _) = try await SQLRelayStore.postgres(server.address)
        let shelf = try await Shelf(store)
        try server.execute("DELETE FROM chunk_bytes")
        #expect(try await store.check(mends: false).count { $0.sum.hasPrefix("bytes of chunk ") && $0.there == 0 } == 4)
        _ = try await store.check(mends: true)
        #expect(try await store.check(mends: false).isEmpty)
        let chunk = shelf.chunks[0]
        #expect(try await store.putChunk(ByteBuffer(bytes: chunk.bytes), id: chunk.id, in: shelf.circle.id))
        let bytes = try await store.chunk(chunk.id, in: shelf.circle.id)
        #expect(bytes == ByteBuffer(bytes: chunk.bytes))
        #expect(try await store.check(mends: false).isEmpty)

        // Bytes that are others than they were.
        try server.execute("UPDATE chunk_bytes SET bytes = set_byte(bytes, 5000, (get_byte(bytes, 5000) + 1) % 256)")
        #expect(try await store.check(mends: false).isEmpty)
        let changed = try await store.check(mends: false, contents: true)
        #expect(changed.map(\.sum).contains("content of chunk \(chunk.id)"))
        _ = try await store.check(mends: true, contents: true)
        #expect(try await store.check(mends: false, contents: true).isEmpty)
        #expect(try await store.putChunk(ByteBuffer(bytes: chunk.bytes), id: chunk.id, in: shelf.circle.id))
        #expect(try await store.chunk(chunk.id, in: shelf.circle.id) == ByteBuffer(bytes: chunk.bytes))
    }

    @Test("a start that cannot say another generation of its chunks tells its log, and serves")
    func unsaidGeneration() async throws {
        let folder = try TemporaryDirectory()
        let store = try SQLRelayStore(folder: folder.path)
        try await store.renewChunkGeneration()
        let database = try Self.database(in: folder.path)
        try await database.write { database in
            try database.execute(
                sql: """
                    CREATE TRIGGER full BEFORE INSERT ON health WHEN NEW.id = 2
                    BEGIN SELECT RAISE(ABORT, 'no room'); END
                    """)
        }
        let relay = try RelayProcess(folder: folder.path)
        #expect(relay.log.contains("devices are not asked for chunks that the folder may have lost"), "\(relay.log)")
        #expect(relay.log.contains("no room") || relay.log.contains("E-RELAY-"), "\(relay.log)")
        #expect(try relay.stop() == .exit(0))
        try await database.write { try $0.execute(sql: "DROP TRIGGER full") }
        let next = try RelayProcess(folder: folder.path)
        #expect(!next.log.contains("not asked"), "\(next.log)")
        #expect(try next.stop() == .exit(0))
    }

    private static func file(of chunk: ChunkID, in folder: String) -> String {
        let name = chunk.description
        return "\(folder)/chunks/\(name.prefix(2))/\(name.dropFirst(2).prefix(2))/\(name)"
    }

    /// A circle with four chunks, of which its one entry names three.
    private struct Shelf {
        let circle: SyntheticCircle
        let chunks = (0..<4).map { _ in SyntheticCircle.chunk() }

        init(_ store: SQLRelayStore) async throws {
            let founder = SyntheticDevice()
            circle = try SyntheticCircle(founder: founder, paper: SyntheticDevice(paper: true))
            _ = try await store.createCircle(circle.id, links: [StoredLink(circle.links[0])], invite: nil)
            for chunk in chunks {
                _ = try await store.putChunk(ByteBuffer(bytes: chunk.bytes), id: chunk.id, in: circle.id)
            }
            let entry = try circle.entry(by: founder, chunks: chunks.prefix(3).map(\.id))
            _ = try await Self.append(entry, to: circle, of: store)
        }

        static func append(
            _ entry: Entry, to circle: SyntheticCircle, of store: SQLRelayStore
        ) async throws -> [AppendOutcome]? {
            try await store.append(
                [StoredEntry(entry)], to: circle.id, newest: circle.chain.head, release: .inTime)
        }
    }

    /// The database of a relay's folder, on the plain file system whatever this process has as its default.
    private static func database(in folder: String) throws -> DatabaseQueue {
        try DatabaseQueue(path: URL(fileURLWithPath: folder + "/relay.db").absoluteString + "?vfs=unix")
    }

    @Test("a relay's folder of an earlier version is brought up to date, and its sums are what is there")
    func earlierFolder() async throws {
        let folder = try TemporaryDirectory()
        let archive = TestBase.tests.appending(path: "Data/earlier/circle.tar.xz").path
        let tar = try ChildProcess(
            "tar", ["-xJf", archive, "-C", folder.path, "./relay"], environment: ["PATH": "/usr/bin:/bin"],
            folder: folder.path, output: nil, errors: folder.path + "/errors")
        #expect(try tar.wait() == .exit(0))
        let path = folder.path + "/relay"
        let before = try await Self.database(in: path).read { database in
            (
                version: try Int.fetchOne(database, sql: "PRAGMA user_version"),
                entries: try UInt64.fetchOne(database, sql: "SELECT COUNT(*) FROM entries") ?? 0,
                chunks: try UInt64.fetchOne(database, sql: "SELECT COUNT(*) FROM chunks") ?? 0
            )
        }
        #expect(before.version == 1)
        #expect(before.entries > 0)
        let store = try SQLRelayStore(folder: path, now: { 1_764_400_000 })
        try await store.workOff()
        #expect(try await store.check(mends: false).isEmpty)
        let status = try await store.status()
        #expect(status.entries == before.entries)
        #expect(status.chunks == before.chunks)
        #expect(status.bytes > before.chunks << 20)
        // Nothing that an entry names goes, however late.
        let late = try SQLRelayStore(folder: path, now: { 1_900_000_000 })
        try await late.collectGarbage()
        #expect(try await late.check(mends: false).isEmpty)
        #expect(try await late.status().chunks >= 1)
    }

    /// A circle with two links, the second of which a branch would take the place of.
    private struct Parting {
        let id: CircleID
        let links: [Link]
        let branch: [Link]

        init() throws {
            let founder = SyntheticDevice()
            var circle = try SyntheticCircle(founder: founder, paper: SyntheticDevice(paper: true))
            var rival = circle
            try circle.beginEpoch(by: founder)
            try rival.beginEpoch(by: founder)
            (id, links, branch) = (circle.id, circle.links, rival.links)
        }

        func make(in store: SQLRelayStore) async throws {
            _ = try await store.createCircle(id, links: [StoredLink(links[0])], invite: nil)
            _ = try await store.appendLinks([StoredLink(links[1])], to: id, after: links[0].hash, cutOffs: [])
        }

        func isTaken(by store: SQLRelayStore) async throws -> Bool {
            try await store.replaceLinks(
                with: [StoredLink(branch[1])], of: id, newest: links[1].hash, cutOffs: [])
        }
    }

    /// What the version before this one had otherwise.
    private static let unknownSince = "ALTER TABLE links DROP COLUMN created"

    @Test("links that a folder of the version before has are old ones, which no branch takes the place of")
    func folderBefore() async throws {
        let folder = try TemporaryDirectory()
        let (old, new) = (try Parting(), try Parting())
        do {
            let store = try SQLRelayStore(folder: folder.path)
            try await old.make(in: store)
        }
        try await Self.database(in: folder.path).write { database in
            try database.execute(sql: Self.unknownSince)
            try database.execute(sql: "PRAGMA user_version = 2")
        }
        let store = try SQLRelayStore(folder: folder.path)
        try await new.make(in: store)
        #expect(try await !old.isTaken(by: store))
        #expect(try await new.isTaken(by: store))
        #expect(try await store.links(of: old.id, after: 0, limit: 9).links == old.links.map { StoredLink($0) })
        #expect(try await store.check(mends: false).isEmpty)
    }

    @Test(
        "links that a database of the version before has are old ones, which no branch takes the place of",
        .enabled(if: PostgresServer.absence == nil, Comment(rawValue: PostgresServer.absence ?? "")))
    func databaseBefore() async throws {
        let server = try PostgresServer()
        defer { withExtendedLifetime(server) {} }
        let (old, new) = (try Parting(), try Parting())
        do {
            let (store, _) = try await SQLRelayStore.postgres(server.address)
            try await old.make(in: store)
        }
        try server.execute("\(Self.unknownSince); UPDATE attune_relay_version SET version = 2")
        let (store, _) = try await SQLRelayStore.postgres(server.address)
        try await new.make(in: store)
        #expect(try await !old.isTaken(by: store))
        #expect(try await new.isTaken(by: store))
        #expect(try await store.check(mends: false).isEmpty)
    }

    @Test(
        "two nodes on one database serve one circle, with a device on each",
        .enabled(if: PostgresServer.absence == nil, Comment(rawValue: PostgresServer.absence ?? "")))
    func twoNodes() async throws {
        let server = try PostgresServer()
        defer { withExtendedLifetime(server) {} }
        let environment = ["ATTUNE_RELAY_DATABASE": server.address]
        let here = try RelayProcess(environment: environment)
        let there = try RelayProcess(environment: environment)
        var fixture = try await RelayFixture(here)
        let second = try await fixture.add()
        let other = RelayClient(there, device: second, circle: fixture.circle.id)
        #expect(try await other.links().links.count == 2)

        // A device that waits at the one node hears of what comes in at the other.
        async let news = other.send("GET", other.home + "/events?wait=30&links=2&entries=0")
        let chunk = SyntheticCircle.chunk()
        #expect(try await fixture.client.put(chunk).status == 201)
        try await Task.sleep(for: .milliseconds(300))
        let entry = try fixture.circle.entry(by: fixture.founder, chunks: [chunk.id])
        let start = ContinuousClock.now
        #expect(try await fixture.client.outcomes([entry]) == [.new])
        #expect(try await news.message(ProtoCounters.self).entries == 1)
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(try await other.entries().entries == [Data(entry.bytes)])
        #expect(try await other.get(chunk.id).body == chunk.bytes)

        // It hears too of what was told while its connection to the database was broken.
        async let later = other.send("GET", other.home + "/events?wait=30&links=2&entries=1")
        try await Task.sleep(for: .milliseconds(300))
        try server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        let missed = try fixture.circle.entry(by: fixture.founder, after: entry)
        let broken = ContinuousClock.now
        #expect(try await fixture.client.outcomes([missed]) == [.new])
        #expect(try await later.message(ProtoCounters.self).entries == 2)
        // Before its wait of thirty seconds is over.
        #expect(ContinuousClock.now - broken < .seconds(25))

        // Both push to the same log at once: one chain results.
        var log = [entry, missed]
        for _ in 0..<20 { log.append(try fixture.circle.entry(by: fixture.founder, after: log.last)) }
        let rest = Array(log.dropFirst(2))
        let client = fixture.client
        async let left = client.outcomes(rest)
        async let right = other.outcomes(rest)
        let outcomes = try await zip(left, right).map { Set([$0, $1]) }
        #expect(outcomes.allSatisfy { $0 == [.new, .exists] })
        #expect(try await other.entries("?device=\(fixture.founder.id)").entries == log.map { Data($0.bytes) })

        // A removal at the one node holds at the other at once.
        let before = fixture.circle.chain.head
        let removal = try fixture.circle.revoke(second, by: fixture.founder, second: fixture.paper)
        #expect(try await fixture.client.append([removal], after: before).status == 201)
        #expect(try await other.send("GET", other.home + "/entries").code == "E-RELAY-005")

        // So does a branch that is brought to the other one, in the place of what both have verified.
        let third = try await fixture.add()
        var counted = fixture.circle
        let parting = counted.chain.head
        let late = try fixture.circle.beginEpoch(by: third)
        let guest = RelayClient(there, device: third, circle: fixture.circle.id)
        #expect(try await guest.append([late], after: parting).status == 201)
        #expect(try await fixture.client.frontier().linkSeq == late.seq)
        try counted.revoke(third, by: fixture.founder, second: fixture.paper)
        try counted.beginEpoch(by: fixture.founder)
        let bringer = RelayClient(there, device: fixture.founder, circle: fixture.circle.id)
        #expect(try await bringer.replace(with: Array(counted.links.suffix(2)), after: parting).status == 201)
        #expect(try await fixture.client.frontier().link == Data(counted.chain.head.bytes))
        let removed = RelayClient(here, device: third, circle: fixture.circle.id)
        #expect(try await removed.send("GET", removed.home + "/entries").code == "E-RELAY-005")

        // The two sides of a pairing may be at different nodes.
        let opened = try await RelayClient(here).send("POST", "/v1/rendezvous").message(
            ProtoMailboxOpened.self)
        let path = "/v1/rendezvous/\(opened.nameplate)"
        let claim = [("Attune-Mailbox", String(repeating: "0a", count: 16))]
        async let message = RelayClient(there).send("GET", path + "/old?wait=20")
        #expect(try await RelayClient(here).send("POST", path + "/old", body: [1, 2], fields: claim).status == 201)
        #expect(try await message.message(ProtoMailbox.self).messages == [Data([1, 2])])
    }
}
