// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Testing

@testable import AttuneTraining

@Suite struct ResumeTests {
    /// Trains to the end in sittings of the given counts of steps, through encoded checkpoints.
    private func run(_ tiny: TinyRun, stoppingAfter stops: Set<Int>) throws -> (adapter: [Float], checkpoint: [UInt8]) {
        var saved: [UInt8]?
        while true {
            let checkpoint = try saved.map { bytes in try bytes.withUnsafeBytes { try Checkpoint(encoded: $0) } }
            let trainer = try tiny.trainer(checkpoint: checkpoint)
            let stop = StopFlag()
            let outcome = try trainer.runAlone(
                stop: stop, onEvent: { if case .step(let report) = $0, stops.contains(report.step) { stop.request() } })
            guard let next = outcome.checkpoint else {
                #expect(outcome.summary.reason == .finished)
                return (outcome.adapter.numbers, try trainer.track.checkpoint.encoded())
            }
            #expect(outcome.summary.reason == .interrupted)
            saved = try next.encoded()
        }
    }

    @Test func aRunInterruptedAtAnyStepEndsInTheSameBytes() throws {
        var tiny = try TinyRun()
        tiny.configuration.lora.dropout = 0.1
        tiny.configuration.accumulation = 1
        let whole = try run(tiny, stoppingAfter: [])
        for step in 1..<11 {
            let parts = try run(tiny, stoppingAfter: [step])
            #expect(parts.adapter == whole.adapter, "interrupted after step \(step)")
            #expect(parts.checkpoint == whole.checkpoint, "interrupted after step \(step)")
        }
        let often = try run(tiny, stoppingAfter: Set(1..<11))
        #expect(often.adapter == whole.adapter)
        #expect(often.checkpoint == whole.checkpoint)
    }

    @Test func runsInBfloat16WithAccumulationResumeExactly() throws {
        var tiny = try TinyRun()
        tiny.configuration.precision = .bfloat16
        tiny.configuration.batch = 1
        tiny.configuration.accumulation = 3
        tiny.validation = []
        let whole = try run(tiny, stoppingAfter: [])
        let parts = try run(tiny, stoppingAfter: [2, 5])
        #expect(parts.adapter == whole.adapter)
        #expect(parts.checkpoint == whole.checkpoint)
    }

    @Test func runsWithMomentsOfEightBitsResumeExactly() throws {
        var tiny = try TinyRun()
        // A of the down projection and B of those to the feed-forward width have 4096 elements, all others fewer.
        tiny.configuration.lora.rank = 64
        tiny.configuration.lora.alpha = 64
        tiny.configuration.learningRate = 1e-3
        let full = try run(tiny, stoppingAfter: [])
        tiny.configuration.optimizer = .adamw8bit
        let whole = try run(tiny, stoppingAfter: [])
        let parts = try run(tiny, stoppingAfter: [1, 5])
        #expect(parts.adapter == whole.adapter)
        #expect(parts.checkpoint == whole.checkpoint)
        #expect(whole.adapter != full.adapter)
        #expect(whole.checkpoint.count < full.checkpoint.count)
    }

    @Test func aStopBeforeTheFirstStepLosesNothing() throws {
        let tiny = try TinyRun()
        let stop = StopFlag()
        stop.request()
        let outcome = try tiny.trainer().runAlone(stop: stop)
        #expect(outcome.summary.reason == .interrupted)
        #expect(outcome.summary.steps == 0)
        let rest = try tiny.trainer(checkpoint: outcome.checkpoint).runAlone()
        #expect(try rest.adapter.numbers == tiny.run().adapter.numbers)
    }

    @Test func checkpointsAreHandedOverAtEveryValidation() throws {
        let tiny = try TinyRun()
        var saved: [[UInt8]] = []
        let outcome = try tiny.trainer().runAlone(onCheckpoint: { saved.append(try $0.encoded()) })
        #expect(saved.count == 5)
        let checkpoint = try saved[2].withUnsafeBytes { try Checkpoint(encoded: $0) }
        #expect(checkpoint.state.step == 6)
        let rest = try tiny.trainer(checkpoint: checkpoint).runAlone()
        #expect(rest.adapter.numbers == outcome.adapter.numbers)
        #expect(rest.summary.keptLoss == outcome.summary.keptLoss)
    }

    @Test func anErrorWhileSavingEndsTheRun() throws {
        struct Full: Error {}
        #expect(throws: Full.self) { try TinyRun().trainer().runAlone(onCheckpoint: { _ in throw Full() }) }
    }

    @Test func runsAreContinuedOnlyWithWhatTheyBeganWith() throws {
        let tiny = try TinyRun()
        let stop = StopFlag()
        let outcome = try tiny.trainer().runAlone(stop: stop, onEvent: { if case .step = $0 { stop.request() } })
        let checkpoint = try #require(outcome.checkpoint)
        func refused(digest: String = "d", _ change: (inout TinyRun) -> Void = { _ in }) {
            var copy = tiny
            change(&copy)
            #expect {
                try copy.trainer(checkpoint: checkpoint, digest: digest)
            } throws: {
                ($0 as? TrainingError)?.code == "E-TRAIN-004"
            }
        }
        refused(digest: "other")
        refused { $0.configuration.learningRate = 1 }
        refused { $0.training.swapAt(0, 1) }
        refused { $0.validation.removeLast() }
    }
}
