// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import Synchronization
import Testing

@testable import AttuneRelay

/// How much one transaction of a relay's store does at the most, whatever is asked of it: others wait for that long.
@Suite("Transactions of a relay") struct TransactionTests {
    /// Counts what each transaction does.
    private final class MeasuredDatabase: RelayDatabase {
        struct Work: Equatable {
            var statements = 0
            var rows = 0
            var bytes = 0
        }
        private final class Session: SQLSession {
            let base: any SQLSession
            var work = Work()
            init(_ base: any SQLSession) { self.base = base }

            func each(_ sql: String, _ arguments: [SQLValue], _ body: (SQLRow) throws -> Bool) throws {
                work.statements += 1
                try base.each(sql, arguments) { row in
                    work.rows += 1
                    work.bytes += row.values.reduce(0) {
                        if case .bytes(let bytes) = $1 { $0 + bytes.count } else { $0 }
                    }
                    return try body(row)
                }
            }

            func run(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
                work.statements += 1
                return try base.run(sql, arguments)
            }
        }
        private let base: any RelayDatabase
        private let largest = Mutex(Work())

        init(_ base: any RelayDatabase) { self.base = base }

        /// The most of each that one transaction has done, forgotten with this.
        func take() -> Work {
            largest.withLock { largest in
                defer { largest = Work() }
                return largest
            }
        }

        private func measured<Value>(
            _ session: any SQLSession, _ body: (any SQLSession) throws -> Value
        ) throws -> Value {
            let session = Session(session)
            defer {
                largest.withLock { largest in
                    largest.statements = max(largest.statements, session.work.statements)
                    largest.rows = max(largest.rows, session.work.rows)
                    largest.bytes = max(largest.bytes, session.work.bytes)
                }
            }
            return try body(session)
        }

        func read<Value: Sendable>(
            _ circle: CircleID?, _ body: @escaping @Sendable (any SQLSession) throws -> Value
        ) async throws -> Value {
            try await base.read(circle) { [self] in try measured($0, body) }
        }

        func write<Value: Sendable>(
            _ circle: CircleID?, _ body: @escaping @Sendable (any SQLSession) throws -> Value
        ) async throws -> Value {
            try await base.write(circle) { [self] in try measured($0, body) }
        }
    }

    private let folder: TemporaryDirectory
    private let database: MeasuredDatabase
    private let store: SQLRelayStore
    private let device = SyntheticDevice()
    private let circle: SyntheticCircle

    init() async throws {
        folder = try TemporaryDirectory()
        database = MeasuredDatabase(try SQLiteDatabase(path: folder.path + "/relay.db", now: 1_700_000_000))
        store = SQLRelayStore(
            database: database, chunkBytes: try ChunkFiles(folder: folder.path + "/chunks", isAlone: true),
            rules: RetentionRules(), watchers: ChangeWatchers(), now: { 1_700_000_000 })
        circle = try SyntheticCircle(founder: device, paper: SyntheticDevice(paper: true))
        #expect(try await store.createCircle(circle.id, links: [StoredLink(circle.links[0])], invite: nil))
    }

    private func append(_ entries: [Entry], _ allowance: ReleaseAllowance = .inTime) async throws -> [AppendOutcome] {
        try await store.append(
            entries.map { StoredEntry($0) }, to: circle.id, newest: circle.chain.head, release: allowance) ?? []
    }

    private func random<Kind>(_ count: Int) -> [Identifier<Kind>] { (0..<count).map { _ in .random() } }

    /// Rows are gone through in pieces of 512 at the most, with up to three statements for each; an entry has up to a MiB or so.
    private func expectSmall(_ name: String, pieces: Int = 1) {
        let work = database.take()
        print("\(name): \(work)")
        #expect(work.statements <= 2200 * pieces, "\(name)")
        #expect(work.rows <= 2200 * pieces, "\(name)")
        #expect(work.bytes <= 6 << 20, "\(name)")
    }

    @Test("none does more than a piece: not for the largest entries, nor for releases of them again and again")
    func pieces() async throws {
        var log: [Entry] = []
        // The largest: all different, and one chunk as often as an entry may name one.
        for index in 0..<4 {
            let ids: [ChunkID] =
                index == 3 ? Array(repeating: ChunkID.random(), count: WireLimits.chunks) : random(WireLimits.chunks)
            log.append(try circle.entry(by: device, after: log.last, chunks: ids))
            #expect(try await append([log[index]]) == [.new])
        }
        expectSmall("naming")
        let large = log
        let unknown: [EntryHash] = random(WireLimits.released - large.count)
        for _ in 0..<24 {
            log.append(
                try circle.entry(by: device, after: log.last, releasing: large.map(\.hash) + unknown))
        }
        #expect(try await append(Array(log[4...])).allSatisfy { $0 == .new })
        expectSmall("releases")
        // One that frees at once is measured before.
        log.append(try circle.entry(by: device, after: log.last, releasing: large.map(\.hash) + unknown))
        _ = try await append([log[log.count - 1]], .half)
        // Measured and done in one transaction, so that the next one finds it done: up to a thousand entries.
        expectSmall("a release at once", pieces: 3)
        for _ in 0..<200 { try await store.workOff() }
        expectSmall("what is due")
        var small: [Entry] = []
        for _ in 0..<256 { small.append(try circle.entry(by: device, after: small.last ?? log.last)) }
        let outcomes = try await append(small)
        #expect(outcomes.count == 256)
        expectSmall("small entries")
        // All of it goes.
        var next = circle
        let link = try next.beginEpoch(by: device)
        #expect(
            try await store.appendLinks(
                [StoredLink(link)], to: circle.id, after: circle.chain.head,
                cutOffs: [CutOff(device: device.id, seq: 1, entry: nil)]))
        for _ in 0..<20 { try await store.workOff() }
        expectSmall("a log that goes")
        #expect(try await store.status().entries == 0)
        try await store.collectGarbage()
        expectSmall("collection")
        #expect(try await store.check(mends: false).isEmpty)
    }
}
