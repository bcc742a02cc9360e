// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Foundation
import Testing

@testable import AttuneVault

struct RunTests {
    private static func run(_ vault: Vault) throws -> RunRecord {
        try vault.runs.create(
            adapter: "notes", configuration: #"{"rank":8}"#, base: TestStore.base, data: TestStore.data, steps: 390
        )
    }

    @Test func aRunIsKeptFromStartToEnd() throws {
        let store = try TestStore()
        let vault = store.vault
        let document = try vault.documents.put(name: "a.txt", text: "alpha")
        let run = try vault.runs.create(
            adapter: "notes", configuration: #"{"rank":8}"#, base: TestStore.base, data: TestStore.data,
            steps: 390, documents: [document.digest, document.digest])
        #expect(run.id.description.count == 4)
        #expect(run.state == .running)
        #expect(run.step == 0)
        #expect(run.steps == 390)
        #expect(try vault.runs.documents(of: run.id) == [document, document])
        try vault.runs.update(run.id, step: 214)
        try vault.runs.update(run.id, state: .failed, detail: "loss is not a number")
        let version = try vault.versions.add(to: "notes", base: TestStore.base, TestStore.version())
        let last = try vault.runs.update(run.id, state: .finished, step: 390, version: version.id)
        #expect(last.state == .finished)
        #expect(last.step == 390)
        #expect(last.version == version.id)
        #expect(last.detail == "loss is not a number")
        #expect(last.configuration == #"{"rank":8}"#)
        #expect(try vault.runs.fetch(RunID(run.id.description.uppercased())) == last)
        #expect(failure { try vault.runs.fetch(RunID("zzzz")) }?.failureStatus == .notFound)
        let unknown = failure {
            try vault.runs.create(
                adapter: "notes", configuration: "{}", base: TestStore.base, data: TestStore.data, steps: 1,
                documents: [.filled(7)])
        }
        #expect(unknown?.failureCode == "E-VAULT-032")
        #expect(try vault.runs.all().count == 1)
    }

    @Test func theCurveFollowsTheStepsAndAStepDoneAgainReplacesItself() throws {
        let store = try TestStore()
        let id = try Self.run(store.vault).id
        let train = (1...5).map { RunPoint(kind: .train, step: $0, loss: 3 / Double($0), rate: 1e-4, tokens: $0 * 100) }
        try store.vault.runs.append(train, to: id)
        try store.vault.runs.append([RunPoint(kind: .validation, step: 4, loss: 2)], to: id)
        try store.vault.runs.append([RunPoint(kind: .train, step: 5, loss: 0.5)], to: id)
        #expect(try store.vault.runs.points(of: id, kind: .train).map(\.step) == [1, 2, 3, 4, 5])
        #expect(try store.vault.runs.points(of: id, kind: .train).last?.loss == 0.5)
        #expect(try store.vault.runs.points(of: id, after: 3).map(\.kind) == [.train, .validation, .train])
        #expect(try store.vault.runs.points(of: id, kind: .train).first == train.first)
    }

    @Test func aLossThatIsNotANumberIsKeptAsNone() throws {
        let store = try TestStore()
        let id = try Self.run(store.vault).id
        try store.vault.runs.append([RunPoint(kind: .train, step: 1, loss: .nan)], to: id)
        try store.vault.runs.append([RunPoint(kind: .train, step: 2, loss: .infinity)], to: id)
        #expect(try store.vault.runs.points(of: id).map(\.loss) == [nil, .infinity])
    }

    @Test func aCheckpointReplacesTheOneBefore() throws {
        let store = try TestStore()
        let vault = store.vault
        let id = try Self.run(vault).id
        #expect(try vault.runs.loadCheckpoint(of: id) == nil)
        let big = TestStore.bytes(3_000_000)
        try vault.runs.saveCheckpoint(BlobContent(big), step: 100, of: id)
        #expect(TestStore.chunkFiles(store.path).count == 3)
        let small = TestStore.bytes(10)
        try vault.runs.saveCheckpoint(BlobContent(small), step: 200, of: id)
        #expect(TestStore.chunkFiles(store.path).count == 1)
        let loaded = try vault.runs.loadCheckpoint(of: id)
        #expect(loaded?.step == 200)
        #expect(loaded?.bytes == small)
        #expect(try vault.runs.fetch(id).checkpointStep == 200)
        #expect(try vault.verify().checkpoints == 1)
        try vault.runs.dropCheckpoint(of: id)
        #expect(try vault.runs.loadCheckpoint(of: id) == nil)
        #expect(TestStore.chunkFiles(store.path).isEmpty)
    }

    @Test func runsOfDeadProcessesAreInterrupted() throws {
        let store = try TestStore()
        let vault = store.vault
        let dead = try Self.run(vault)
        let done = try Self.run(vault)
        try vault.runs.update(done.id, state: .finished)
        #expect(try vault.runs.interruptAbandoned() == [dead.id])
        #expect(try vault.runs.fetch(dead.id).state == .interrupted)
        #expect(try vault.runs.fetch(done.id).state == .finished)
    }

    @Test func idsOfRunsAreUnique() throws {
        let store = try TestStore()
        let ids = try (0..<300).map { _ in try Self.run(store.vault).id }
        #expect(Set(ids).count == 300)
    }
}
