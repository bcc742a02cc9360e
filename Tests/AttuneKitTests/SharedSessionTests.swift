// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneTestSupport
import AttuneTraining
import AttuneVault
import Foundation
import Testing

/// Several adapters of one session.
@Suite struct SharedSessionTests {
    /// Two adapters with other data each.
    private func request(_ store: KitStore, prefix: String = "") throws -> TrainingRequest {
        var request = try store.request("\(prefix)notes", epochs: 3)
        let rows = (0..<9).map { #"{"prompt": "letter \#($0)", "completion": "sent \#($0 * 5)"}"# }
        let path = try store.folder.write(rows.joined(separator: "\n"), to: "letters.jsonl")
        request.adapters.append(.init(name: "\(prefix)letters", paths: [path]))
        return request
    }

    @Test func eachAdapterGetsItsVersionAndItsRun() throws {
        let store = try KitStore()
        let session = try TrainingSession.prepare(try request(store), in: store.workspace)
        var runs: [RunID?] = []
        var steps: [String: Int] = [:]
        let results = try session.run(stop: StopFlag()) { part in
            runs.append(part.runID)
        } onEvent: { event, part in
            if case .step = event { steps[part.name, default: 0] += 1 }
        }
        #expect(results.map(\.name) == ["notes", "letters"])
        #expect(results.map(\.runID) == runs)
        let vault = store.workspace.vault
        for (index, result) in results.enumerated() {
            let run = try vault.runs.fetch(result.runID)
            #expect(run.state == .finished)
            #expect(run.steps == steps[result.name])
            #expect(run.step == run.steps)
            #expect(try vault.runs.points(of: run.id).filter { $0.kind == .train }.count == steps[result.name])
            // What it is without the other.
            var alone = try request(store, prefix: "alone-")
            alone.adapters = [alone.adapters[index]]
            let other = try TrainingSession.prepare(alone, in: store.workspace).runAlone()
            let tensors = try [result.version, other.version].map {
                try store.workspace.load(try #require($0)).adapter.encoded()
            }
            #expect(tensors[0] == tensors[1])
        }
        #expect(Set(steps.values).count == 2)
    }

    @Test func whatWasInterruptedGoesOnTogetherOrAlone() throws {
        let store = try KitStore()
        let whole = try TrainingSession.prepare(try request(store, prefix: "whole-"), in: store.workspace)
            .run(stop: StopFlag(), onEvent: { _, _ in })
        for together in [true, false] {
            let stop = StopFlag()
            let session = try TrainingSession.prepare(
                try request(store, prefix: together ? "a-" : "b-"), in: store.workspace)
            let paused = try session.run(stop: stop) { event, part in
                if case .step(let report) = event, part.name.hasSuffix("letters"), report.step == 3 { stop.request() }
            }
            #expect(paused.allSatisfy { $0.version == nil })
            let ids = paused.map(\.runID)
            let groups = together ? [ids] : ids.map { [$0] }
            let results = try groups.flatMap {
                try TrainingSession.resume($0, in: store.workspace).run(stop: StopFlag(), onEvent: { _, _ in })
            }
            for (result, expected) in zip(results, whole) {
                let tensors = try [result.version, expected.version].map {
                    try store.workspace.load(try #require($0)).adapter.encoded()
                }
                #expect(tensors[0] == tensors[1])
            }
        }
    }

    @Test func runsThatDoNotBelongTogetherAreRefused() throws {
        let store = try KitStore()
        let stop = StopFlag()
        stop.request()
        let paused = try TrainingSession.prepare(try request(store), in: store.workspace).run(stop: stop) { _, _ in }
        let id = paused[0].runID
        #expect(code { _ = try TrainingSession.resume([id, id], in: store.workspace) } == "E-RUN-003")
        let again = try TrainingSession.prepare(try store.request(), in: store.workspace).runAlone(stop: stop)
        #expect(code { _ = try TrainingSession.resume([id, again.runID], in: store.workspace) } == "E-RUN-003")
    }
}
