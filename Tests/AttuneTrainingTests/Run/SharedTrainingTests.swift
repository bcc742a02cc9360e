// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import Testing

@testable import AttuneTraining

/// Several adapters in the same passes.
@Suite struct SharedTrainingTests {
    /// Three adapters that differ in everything that may differ.
    private func tasks(_ tiny: TinyRun) -> [TrainingTask] {
        var (second, third) = (tiny, tiny)
        second.training = (0..<7).map { TinyRun.block(start: 5 * $0 + 2, length: 10 + $0 % 3) }
        second.validation = []
        second.configuration.seed = 9
        second.configuration.epochs = 4
        second.configuration.batch = 1
        second.configuration.accumulation = 3
        second.configuration.optimizer = .adamw8bit
        third.training = (0..<4).map { TinyRun.block(start: $0, length: 20) }
        third.configuration.learningRate = 0.005
        third.configuration.clip = 0.1
        third.configuration.lora.dropout = 0.1
        third.configuration.evaluateEvery = 1
        third.configuration.patience = 1
        return [tiny.task(), second.task(digest: "e"), third.task(digest: "f")]
    }

    private func trainer(_ tiny: TinyRun, _ tasks: [TrainingTask]) throws -> Trainer {
        try Trainer(model: tiny.model, base: tiny.base, tasks: tasks)
    }

    /// ‖a − b‖/‖b‖ of the factors of two adapters.
    private func difference(_ a: TrainingOutcome, _ b: TrainingOutcome) -> Double {
        let pairs = zip(a.adapter.numbers, b.adapter.numbers).map { (Double($0), Double($1)) }
        let distance = pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return (distance / pairs.reduce(0) { $0 + $1.1 * $1.1 }).squareRoot()
    }

    @Test(arguments: Precision.allCases) func eachHasTheLossesItHasAlone(precision: Precision) throws {
        var tiny = try TinyRun()
        tiny.configuration.precision = precision
        let tasks = tasks(tiny)
        var losses = [[Double]](repeating: [], count: 3)
        var ended: [Int] = []
        let shared = try trainer(tiny, tasks)
        let together = try shared.run(
            observer: ClosureObserver { event, track in
                guard let index = shared.tracks.firstIndex(where: { $0 === track }) else { return }
                if case .step(let report) = event { losses[index].append(report.loss) }
            } onOutcome: { _, track in
                ended += shared.tracks.indices.filter { shared.tracks[$0] === track }
            })
        #expect(ended.sorted() == [0, 1, 2])
        for (index, task) in tasks.enumerated() {
            var alone: [Double] = []
            let outcome = try trainer(tiny, [task]).runAlone {
                if case .step(let report) = $0 { alone.append(report.loss) }
            }
            // Sums over the rows of a pass are taken in another order, no more than that.
            #expect(losses[index].count == alone.count)
            #expect(zip(losses[index], alone).allSatisfy { abs($0 - $1) < 1e-4 * $1 }, "adapter \(index)")
            #expect(difference(together[index], outcome) < 1e-3, "adapter \(index)")
            let (one, other) = (together[index].summary, outcome.summary)
            #expect(one.reason == other.reason)
            #expect(one.steps == other.steps)
            #expect(one.keptStep == other.keptStep)
            #expect(one.tokens == other.tokens)
            #expect(one.epochs == other.epochs)
            #expect(abs((one.keptLoss ?? 0) - (other.keptLoss ?? 0)) < 1e-4)
        }
    }

    @Test func blocksOfAFewTokensFollowTheCurveTheyHaveAlone() throws {
        // So few rows are multiplied in another order when they stand alone.
        var tiny = try TinyRun()
        tiny.configuration.batch = 1
        tiny.training = (0..<6).map { TinyRun.block(start: $0, length: 5) }
        var other = tiny
        other.training = (0..<6).map { TinyRun.block(start: 3 * $0, length: 7) }
        var losses: [[Double]] = [[], []]
        let shared = try trainer(tiny, [tiny.task(), other.task()])
        try shared.run(
            observer: EventObserver { event, track in
                if case .step(let report) = event { losses[track === shared.tracks[0] ? 0 : 1].append(report.loss) }
            })
        for (index, run) in [tiny, other].enumerated() {
            var alone: [Double] = []
            _ = try run.run { if case .step(let report) = $0 { alone.append(report.loss) } }
            #expect(alone.count == losses[index].count)
            #expect(zip(alone, losses[index]).allSatisfy { abs($0 - $1) < 1e-4 })
        }
    }

    @Test func anInterruptedRunGoesOnTogetherOrAlone() throws {
        let tiny = try TinyRun()
        let tasks = tasks(tiny)
        let whole = try trainer(tiny, tasks).run()
        let stop = StopFlag()
        let pausing = try trainer(tiny, tasks)
        let paused = try pausing.run(
            stop: stop,
            observer: EventObserver { event, track in
                if case .step(let report) = event, track === pausing.tracks[0], report.step == 2 { stop.request() }
            })
        #expect(paused.allSatisfy { $0.summary.reason == .interrupted && $0.summary.steps == 2 })
        let rest = try zip(tasks, paused).map { task, outcome in
            let checkpoint = try #require(outcome.checkpoint).encoded().withUnsafeBytes { try Checkpoint(encoded: $0) }
            return TrainingTask(
                configuration: task.configuration, training: task.training, validation: task.validation,
                dataDigest: task.dataDigest, checkpoint: checkpoint)
        }
        let together = try trainer(tiny, [rest[2], rest[0]]).run()
        let alone = try trainer(tiny, [rest[1]]).run()
        for (outcome, expected) in [(together[0], whole[2]), (together[1], whole[0]), (alone[0], whole[1])] {
            #expect(difference(outcome, expected) < 1e-3)
            #expect(abs((outcome.summary.keptLoss ?? 0) - (expected.summary.keptLoss ?? 0)) < 1e-4)
        }
    }

    @Test func oneThatDivergesLeavesTheOthersAlone() throws {
        let tiny = try TinyRun()
        var wild = tiny
        wild.configuration.learningRate = 1e30
        let outcomes = try trainer(tiny, [wild.task(), tiny.task()]).run()
        #expect(outcomes[0].summary.reason == .diverged)
        #expect(outcomes[0].failure != nil)
        #expect(outcomes[1].summary.reason == .finished)
        #expect(try outcomes[1].adapter.numbers == tiny.run().adapter.numbers)
    }

    @Test func aTimeLimitEndsThemAll() throws {
        let tiny = try TinyRun()
        let outcomes = try trainer(tiny, tasks(tiny)).run(timeLimit: 0)
        #expect(outcomes.count == 3)
        #expect(outcomes.allSatisfy { $0.summary.reason == .timeLimit && $0.checkpoint != nil })
    }

    @Test func measuringThemAllChangesNothing() throws {
        let tiny = try TinyRun()
        let shared = try trainer(tiny, tasks(tiny))
        let estimate = shared.measure()
        #expect(estimate.high >= estimate.low)
        #expect(estimate.low > 0)
        let (one, other) = (try shared.run(), try trainer(tiny, tasks(tiny)).run())
        #expect(one.map(\.adapter.numbers) == other.map(\.adapter.numbers))
    }

    @Test func adaptersWithDifferentPrecisionAreRefused() throws {
        let tiny = try TinyRun()
        var other = tiny
        other.configuration.precision = .bfloat16
        #expect(throws: TrainingError.self) { try trainer(tiny, [tiny.task(), other.task()]) }
    }

    @Test func passesAreSharedUpToTheirCapacityAndNeverDivided() {
        func batch(_ tokens: Int) -> Batch {
            Batch(blocks: [
                Block(
                    tokens: (0..<tokens).map { Int32($0) }, segments: [0..<tokens],
                    trained: Array(repeating: true, count: tokens))
            ])
        }
        let steps = [(track: 3, batches: [batch(4), batch(5)]), (track: 7, batches: [batch(6)])]
        let shared = SharedBatch.shared(steps, capacity: 10)
        #expect(shared.map { $0.parts.map(\.track) } == [[3, 7], [3]])
        #expect(shared[0].parts[1].rows == 4..<10)
        #expect(shared[0].parts[1].counted == 3..<8)
        #expect(shared[0].batch.packed.tokens == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5])
        #expect(shared[0].batch.packed.segments == [0..<4, 4..<10])
        #expect(shared[0].batch.counted == [0, 1, 2, 4, 5, 6, 7, 8])
        #expect(shared[1].parts[0].pass == 1)
        #expect(shared[1].batch.packed.count == 5)
        #expect(SharedBatch.shared(steps, capacity: 0).map { $0.parts.map(\.track) } == [[3], [7], [3]])
        #expect(SharedBatch.shared([], capacity: 10).isEmpty)
    }
}
