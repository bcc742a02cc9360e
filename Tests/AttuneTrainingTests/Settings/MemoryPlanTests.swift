// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Testing

@testable import AttuneTraining

@Suite struct MemoryPlanTests {
    private func machine(_ bytes: Int, threads: Int = 1) -> Machine {
        Machine(limits: MemoryLimits(available: bytes), threads: threads, computesBFloat16: Kernels.computesBFloat16)
    }

    @Test func partsAreWhatIsAllocated() throws {
        let tiny = try TinyRun()
        let plan = MemoryPlan(
            model: tiny.model, configuration: tiny.configuration, longest: 24, machine: machine(1 << 30, threads: 2))
        let layout = LoRALayout(shape: tiny.model.shape, configuration: tiny.configuration.lora)
        #expect(plan.adapter == 20 * layout.count)
        #expect(
            plan.activations
                == TrainingPass<Float>.bytes(
                    model: tiny.model, layouts: [layout],
                    settings: PassSettings(maxTokens: 48, precision: tiny.configuration.precision, keptLayers: 1)))
        // C = 48 positions of V = 96 logits and D = 32 inputs, and T × D gradients.
        #expect(plan.head == (48 * (96 + 32) + 48 * 32) * 4 + 48 * 4)
        #expect(plan.parts.reduce(0) { $0 + $1.bytes } == plan.total)
        #expect(plan.weights == tiny.model.file.totalBytes)
    }

    @Test func momentsOfEightBitsSaveSixBytesForEachParameter() throws {
        // Wide enough that no matrix is too small for moments of 8 bits at the largest rank that it can use.
        let folder = try TemporaryDirectory()
        let path = try SyntheticGGUF(
            layers: 2, width: 256, feedForward: 512, heads: 2, keyValueHeads: 1, vocabulary: 96, type: .q8_0
        ).write(to: folder)
        var tiny = try TinyRun(model: withExtendedLifetime(folder) { try BaseModel(path: path) })
        tiny.configuration.lora.rank = 64
        func adapter() -> Int {
            MemoryPlan(model: tiny.model, configuration: tiny.configuration, longest: 24, machine: machine(0))
                .adapter
        }
        let layout = LoRALayout(shape: tiny.model.shape, configuration: tiny.configuration.lora)
        let full = adapter()
        tiny.configuration.optimizer = .adamw8bit
        #expect(full == 20 * layout.count)
        // One scale for 256 codes of each moment.
        #expect(adapter() == 14 * layout.count + 8 * layout.count / 256)
    }

    @Test func keepingActivationsCostsMore() throws {
        var tiny = try TinyRun(layers: 4)
        func total() -> Int {
            MemoryPlan(model: tiny.model, configuration: tiny.configuration, longest: 24, machine: machine(0))
                .total
        }
        let small = total()
        tiny.configuration.checkpointing = false
        #expect(total() > small)
    }

    @Test func chunksFollowTheVocabulary() {
        #expect(ChunkedCrossEntropy<Float>.chunk(vocabulary: 49_152) == 256)
        #expect(ChunkedCrossEntropy<Float>.chunk(vocabulary: 151_936) == 80)
        #expect(ChunkedCrossEntropy<Float>.chunk(vocabulary: 100_000_000) == 16)
        #expect(ChunkedCrossEntropy<Float>.chunk(vocabulary: 0) == 512)
    }

    private func fastest(
        _ tiny: TinyRun, _ machine: Machine, checkpointing: Bool? = nil
    ) -> (configuration: TrainingConfiguration, plan: MemoryPlan) {
        MemoryPlan.fastest(
            model: tiny.model, configuration: tiny.configuration, longest: tiny.configuration.maxLength,
            machine: machine, checkpointing: checkpointing)
    }

    private func wide() throws -> TinyRun {
        var tiny = try TinyRun(layers: 6)
        tiny.configuration.batch = 8
        tiny.configuration.maxLength = 512
        tiny.configuration.lora.rank = 16
        return tiny
    }

    @Test func roomyMemoryKeepsEverythingInPassesOf1024Tokens() throws {
        let (configuration, plan) = fastest(try wide(), machine(1 << 40))
        #expect(configuration.recomputedLayers(of: 6) == 0)
        #expect(configuration.passBlocks == 2)
        #expect(configuration.batch == 8)
        #expect(plan.residentWeights == nil)
        #expect(plan.fits)
    }

    @Test func lessMemoryIsNeverPlannedToBeMoreAndStaysWithinTheLimit() throws {
        let tiny = try wide()
        let most = fastest(tiny, machine(1 << 40).limited(to: 1 << 40)).plan.total
        var totals: [Int] = []
        var recomputed: [Int] = []
        let least = fastest(tiny, machine(1 << 40).limited(to: 1)).plan.total
        for step in 0...8 {
            let limit = most - (most - least) * step / 8
            let (configuration, plan) = fastest(tiny, machine(1 << 40).limited(to: limit))
            #expect(plan.fits)
            totals.append(plan.total)
            recomputed.append(configuration.recomputedLayers(of: 6))
        }
        #expect(zip(totals, totals.dropFirst()).allSatisfy { $0 >= $1 }, "\(totals)")
        // Half of the layers may be kept as well as none or all.
        #expect(Set(recomputed).count > 1, "\(recomputed)")
    }

    @Test func whatAPersonSaysOfRecomputingHolds() throws {
        let tiny = try wide()
        #expect(fastest(tiny, machine(1 << 40), checkpointing: true).configuration.recomputedLayers(of: 6) == 5)
        let kept = fastest(tiny, machine(1 << 20).limited(to: 1 << 20), checkpointing: false)
        #expect(kept.configuration.recomputedLayers(of: 6) == 0)
        #expect(!kept.plan.fits)
    }

    @Test func aRunThatGoesOnKeepsItsPasses() throws {
        var tiny = try wide()
        tiny.configuration.microBatch = 3
        let (configuration, _) = MemoryPlan.fastest(
            model: tiny.model, configuration: tiny.configuration, longest: 512, machine: machine(1 << 40),
            fixedPasses: true)
        #expect(configuration.passBlocks == 3)
        #expect(configuration.givesTheResults(of: tiny.configuration))
    }

    @Test func theCheapestChangeComesFirst() throws {
        var tiny = try wide()
        tiny.configuration.batch = 1
        func fitting(_ bytes: Int) throws -> MemoryPlan.Fitting {
            try MemoryPlan.fitting(
                model: tiny.model, configuration: tiny.configuration, longest: 512,
                machine: machine(1 << 40).limited(to: bytes), checkpointing: false)
        }
        let free = try fitting(1 << 40)
        #expect(free.changes.isEmpty)
        #expect(free.configuration.recomputedLayers(of: 6) == 0)
        let once = try fitting(free.plan.total - 1)
        #expect(once.changes.count == 1)
        #expect(once.configuration.recomputedLayers(of: 6) > 0)
        let least = fastest(tiny, machine(1 << 40).limited(to: 1), checkpointing: nil).plan.total
        let twice = try fitting(least - 1)
        #expect(twice.changes.count > 1)
        #expect(twice.configuration.optimizer == .adamw8bit)
        #expect(twice.plan.fits)
        let error = #expect(throws: TrainingError.self) { try fitting(1 << 20) }
        #expect(error?.code == "E-TRAIN-005")
        #expect(error?.message.contains("--memory-limit allows 1.0 MiB") == true)
    }

    @Test func aBaseLargerThanTheLimitStreams() throws {
        let folder = try TemporaryDirectory()
        let base = SyntheticGGUF(layers: 40, width: 64, feedForward: 256, vocabulary: 96, type: .f32, tied: false)
        let tiny = try TinyRun(model: BaseModel(path: base.write(to: folder)))
        let whole = fastest(tiny, machine(1 << 40)).plan
        #expect(whole.residentWeights == nil)
        #expect(whole.weights == tiny.model.file.totalBytes)
        // The seams of a window are as large as this base; with them its plan is the file at most.
        let (_, plan) = fastest(tiny, machine(1 << 40).limited(to: 1))
        #expect(plan.residentWeights == tiny.model.residency.minimum)
        #expect(!plan.fits)
        tiny.model.residency.limit(to: plan.use(of: tiny.model))
        #expect(tiny.model.residency.limit == tiny.model.residency.minimum)
        let streamed = try tiny.run().adapter.numbers
        tiny.model.residency.limit(to: whole.use(of: tiny.model))
        #expect(tiny.model.residency.limit == nil)
        #expect(try tiny.run().adapter.numbers == streamed)
    }

    @Test func estimatesSpanTheMeasuredPasses() {
        let estimate = TimeEstimate(
            measured: [(100, 1), (100, 2), (0, 9)], trainingTokens: 1000, evaluatedTokens: 300)
        #expect(abs(estimate.low - 11) < 1e-9)
        #expect(abs(estimate.high - 22) < 1e-9)
    }
}
