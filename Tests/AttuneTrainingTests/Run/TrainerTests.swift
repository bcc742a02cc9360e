// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import Testing

@testable import AttuneTraining

@Suite struct TrainerTests {
    @Test func trainingLowersTheLossAndTellsWhatItDoes() throws {
        var tiny = try TinyRun()
        tiny.configuration.epochs = 6
        var steps: [StepReport] = []
        var validations: [Int] = []
        var planned: TrainingOutline?
        let outcome = try tiny.run { event in
            switch event {
            case .planned(let outline): planned = outline
            case .step(let report): steps.append(report)
            case .validation(let step, _, _, _): validations.append(step)
            default: break
            }
        }
        #expect(outcome.summary.reason == .finished)
        #expect(outcome.checkpoint == nil)
        #expect(steps.count == 33)
        #expect(steps.map(\.step) == Array(1...33))
        #expect(planned?.steps == 33)
        #expect(planned?.adaptedMatrices == 14)
        #expect(validations == Array(stride(from: 0, through: 33, by: 3)))
        let base = try #require(outcome.summary.baseLoss)
        let kept = try #require(outcome.summary.keptLoss)
        #expect(outcome.summary.startLoss == base)
        #expect(kept < base - 0.5)
        #expect(steps.allSatisfy { $0.gradientNorm > 0 && $0.tokensPerSecond > 0 && $0.elapsed >= 0 })
        #expect(steps.last?.remaining == 0)
        #expect((steps.last?.loss ?? 9) < steps[0].loss - 0.5)
    }

    @Test func theKeptVersionIsThatOfTheLowestValidationLoss() throws {
        var tiny = try TinyRun()
        // Held-out blocks that contradict the rule: training can only make them worse after a while.
        tiny.validation = [TinyRun.block(start: 0, length: 12)].map {
            Block(tokens: $0.tokens.reversed(), segments: $0.segments, trained: $0.trained)
        }
        tiny.configuration.epochs = 6
        var losses: [(step: Int, loss: Double)] = []
        let outcome = try tiny.run {
            if case .validation(let step, let loss, _, _) = $0 { losses.append((step, loss)) }
        }
        let lowest = try #require(losses.min { $0.loss < $1.loss })
        #expect(outcome.summary.keptStep == lowest.step)
        #expect(outcome.summary.keptLoss == lowest.loss)
        let again = try Evaluation.compare(
            model: tiny.model, adapter: outcome.adapter, blocks: tiny.validation, batch: 2, precision: .float32)
        #expect(again.adapted.loss == lowest.loss)
        #expect(again.base.loss == outcome.summary.baseLoss)
        #expect(lowest.step < outcome.summary.steps)
    }

    @Test func patienceCountsValidationsWithoutABetterLoss() throws {
        var tiny = try TinyRun()
        tiny.validation = [TinyRun.block(start: 0, length: 12)].map {
            Block(tokens: $0.tokens.reversed(), segments: $0.segments, trained: $0.trained)
        }
        tiny.configuration.epochs = 20
        tiny.configuration.patience = 2
        tiny.configuration.evaluateEvery = 2
        var best: [Bool] = []
        let outcome = try tiny.run { if case .validation(_, _, _, let isBest) = $0 { best.append(isBest) } }
        #expect(outcome.summary.reason == .earlyStop)
        #expect(best.suffix(2) == [false, false])
        #expect(outcome.summary.steps == outcome.summary.keptStep + 4)
    }

    @Test func withoutHeldOutBlocksTheLastVersionIsKept() throws {
        var tiny = try TinyRun()
        tiny.validation = []
        let trainer = try tiny.trainer()
        let outcome = try trainer.runAlone()
        #expect(outcome.summary.keptStep == 11)
        #expect(outcome.summary.keptLoss == nil)
        #expect(outcome.adapter.numbers == trainer.track.parameters.values.values)
    }

    @Test func aRunIsTheSameForAnyCountOfThreads() throws {
        let tiny = try TinyRun()
        let before = Kernels.threads
        defer { Kernels.configure(threads: before) }
        Kernels.configure(threads: 1)
        let one = try tiny.run()
        Kernels.configure(threads: 4)
        let four = try tiny.run()
        #expect(one.adapter.numbers == four.adapter.numbers)
        #expect(one.summary.keptLoss == four.summary.keptLoss)
    }

    @Test func anotherSeedGivesAnotherRun() throws {
        var tiny = try TinyRun()
        let one = try tiny.run()
        tiny.configuration.seed = 7
        #expect(try tiny.run().adapter.numbers != one.adapter.numbers)
    }

    @Test func accumulationIsOneLargeBatch() throws {
        var tiny = try TinyRun()
        tiny.configuration.batch = 6
        tiny.validation = []
        let large = try tiny.run()
        tiny.configuration.batch = 2
        tiny.configuration.accumulation = 3
        let parts = try tiny.run()
        #expect(large.summary.steps == 4)
        #expect(parts.summary.steps == 4)
        for (one, other) in zip(large.adapter.numbers, parts.adapter.numbers) { #expect(abs(one - other) < 2e-4) }
        let difference = abs((large.summary.trainingLoss ?? 0) - (parts.summary.trainingLoss ?? 9))
        #expect(difference < 1e-4)
    }

    @Test func everyBlockIsSeenOnceInAnEpoch() throws {
        let tiny = try TinyRun()
        let trainer = try tiny.trainer()
        var order = BlockOrder(count: 11, seed: 42)
        let first = (0..<11).map { order.block(at: $0) }
        let second = (11..<22).map { order.block(at: $0) }
        #expect(first.sorted() == Array(0..<11))
        #expect(second.sorted() == Array(0..<11))
        #expect(first != second)
        #expect(first != Array(0..<11))
        #expect(order.block(at: 3) == first[3])
        let tokens = (0..<11).reduce(0) { $0 + trainer.track.batches(of: $1).reduce(0) { $0 + $1.packed.count } }
        #expect(tokens == 2 * tiny.training.reduce(0) { $0 + $1.tokens.count })
    }

    @Test func momentsOfEightBitsLearnAsWell() throws {
        var tiny = try TinyRun()
        tiny.configuration.lora.rank = 128
        tiny.configuration.lora.alpha = 128
        tiny.configuration.learningRate = 2e-3
        tiny.configuration.epochs = 4
        let full = try #require(try tiny.run().summary.keptLoss)
        tiny.configuration.optimizer = .adamw8bit
        let outcome = try tiny.run().summary
        let narrow = try #require(outcome.keptLoss)
        #expect(abs(narrow - full) < 0.02 * full)
        #expect(narrow < (outcome.baseLoss ?? 0) - 0.5)
    }

    @Test func checkpointingChangesMemoryAndNotNumbers() throws {
        var tiny = try TinyRun()
        tiny.configuration.lora.dropout = 0.2
        let one = try tiny.run()
        tiny.configuration.checkpointing = false
        #expect(try tiny.run().adapter.numbers == one.adapter.numbers)
    }

    @Test func absurdRatesAreRolledBackWithAdvice() throws {
        var tiny = try TinyRun()
        tiny.configuration.learningRate = 1e30
        tiny.configuration.epochs = 10
        let outcome = try tiny.run()
        #expect(outcome.summary.reason == .diverged)
        #expect(outcome.checkpoint == nil)
        let failure = try #require(outcome.failure)
        #expect(failure.code == "E-TRAIN-006")
        #expect(failure.remedy?.contains("--lr") == true)
        #expect(outcome.adapter.numbers.allSatisfy { $0.isFinite })
        #expect(outcome.summary.keptStep == 0)
        #expect(outcome.summary.keptLoss == outcome.summary.baseLoss)
    }

    @Test func numbersThatAreNotFiniteNeverBecomeTheBest() throws {
        let tiny = try TinyRun()
        let trainer = try tiny.trainer()
        trainer.track.parameters.values.buffer[3] = .nan
        let outcome = try trainer.runAlone()
        #expect(outcome.summary.reason == .diverged)
        #expect(outcome.summary.steps == 0)
        #expect(outcome.summary.keptLoss == nil)
        #expect(outcome.adapter.numbers.allSatisfy { $0.isFinite })
    }

    @Test func runsGoOnFromAnAdapter() throws {
        var tiny = try TinyRun()
        let first = try tiny.run().adapter
        tiny.configuration.lora = LoRAConfiguration(rank: 1, alpha: 1, layers: [0])
        let trainer = try tiny.trainer(start: first)
        #expect(trainer.track.layout == first.layout)
        let outcome = try trainer.runAlone()
        let start = try #require(outcome.summary.startLoss)
        let base = try #require(outcome.summary.baseLoss)
        #expect(start < base)
        let kept = try #require(outcome.summary.keptLoss)
        #expect(kept <= start)
    }

    @Test func timeLimitsEndARunThatCanGoOn() throws {
        let tiny = try TinyRun()
        let outcome = try tiny.trainer().runAlone(timeLimit: 0)
        #expect(outcome.summary.reason == .timeLimit)
        #expect(outcome.summary.steps == 0)
        let rest = try tiny.trainer(checkpoint: outcome.checkpoint).runAlone()
        #expect(try rest.adapter.numbers == tiny.run().adapter.numbers)
    }

    @Test func measuringChangesNothing() throws {
        let tiny = try TinyRun()
        let trainer = try tiny.trainer()
        let estimate = trainer.measure()
        #expect(estimate.low > 0)
        #expect(estimate.high >= estimate.low)
        #expect(estimate.tokensPerSecond > 0)
        #expect(try trainer.runAlone().adapter.numbers == tiny.run().adapter.numbers)
    }

    @Test func impossibleSettingsAndDataAreRefused() throws {
        let tiny = try TinyRun()
        func refused(_ change: (inout TinyRun) -> Void) {
            var copy = tiny
            change(&copy)
            #expect(throws: TrainingError.self) { try copy.trainer() }
        }
        refused { $0.configuration.learningRate = .nan }
        refused { $0.configuration.learningRate = 0 }
        refused { $0.configuration.epochs = -1 }
        refused { $0.configuration.batch = 0 }
        refused { $0.configuration.lora.layers = [5] }
        refused { $0.configuration.lora.layers = [0, 0] }
        refused { $0.configuration.lora.modules = [.key, .key] }
        refused { $0.configuration.lora.rank = 0 }
        refused { $0.configuration.maxLength = 8 }
        refused { $0.training = [] }
        refused { $0.training = [Block(tokens: [1, 2], segments: [0..<2], trained: [false, false])] }
        refused { $0.training = [Block(tokens: [1, 96], segments: [0..<2], trained: [true, true])] }
        refused { $0.validation = [Block(tokens: [1, -2], segments: [0..<2], trained: [true, true])] }
    }

    @Test func gradientsAgreeWithFiniteDifferences() throws {
        let tiny = try TinyRun(type: .f32)
        let layout = LoRALayout(shape: tiny.model.shape, configuration: tiny.configuration.lora)
        let pass = LossPass<Double>(
            model: tiny.model, layouts: [layout],
            settings: PassSettings(maxTokens: 48, precision: .float32, keptLayers: 1), chunk: 5)
        let batch = Batch(blocks: Array(tiny.training.prefix(2)))
        let parameters = LoRAParameters<Double>(layout: layout)
        let gradients = LoRAParameters<Double>(layout: layout)
        let stream = RandomStream(seed: 9)
        for index in 0..<layout.count { parameters.values.buffer[index] = 0.1 * stream.normal(at: UInt64(index)) }
        let share = LossPass.Share(
            adapter: AdapterRows(rows: 0..<batch.packed.count, parameters: parameters), counted: batch.counted.indices,
            scale: 1, gradients: gradients)
        var losses = [0.0]
        pass.accumulate(LossPass.Work(batch, shares: [share]), into: &losses)
        let loss = losses[0]
        #expect(abs(loss - pass.loss(batch, parameters: parameters)) < 1e-9)
        for index in stride(from: 5, to: layout.count, by: 97) {
            let value = parameters.values.buffer[index]
            parameters.values.buffer[index] = value + 1e-5
            let above = pass.loss(batch, parameters: parameters)
            parameters.values.buffer[index] = value - 1e-5
            let below = pass.loss(batch, parameters: parameters)
            parameters.values.buffer[index] = value
            let numeric = (above - below) / 2e-5
            #expect(abs(numeric - gradients.values.buffer[index]) < 1e-6 * (1 + abs(numeric)))
        }
    }
}
