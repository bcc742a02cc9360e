// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTraining
import Testing

@Suite struct AutoSettingsTests {
    private func data(_ targets: Int, usual: Int = 200) -> AutoSettings.DataSize {
        AutoSettings.DataSize(examples: 100, tokens: targets, targets: targets, longest: 2 * usual, usual: usual)
    }

    private func machine(_ available: Int = 1 << 40, asked: Int? = nil) -> Machine {
        Machine(limits: MemoryLimits(available: available).limited(to: asked), threads: 1, computesBFloat16: true)
    }

    private func choose(
        _ data: AutoSettings.DataSize, _ wishes: AutoSettings.Wishes = .init(), available: Int = 1 << 40
    ) throws -> AutoSettings {
        try AutoSettings.choose(
            model: try TinyRun().model, data: data, wishes: wishes, machine: machine(available))
    }

    /// What the chosen settings take.
    private func total(_ settings: AutoSettings, model: BaseModel? = nil) throws -> Int {
        MemoryPlan(
            model: try model ?? TinyRun().model, configuration: settings.configuration,
            longest: settings.configuration.maxLength, machine: machine(), residentWeights: settings.memory.weights
        ).total
    }

    @Test func moreDataMeansMoreRankAndFewerEpochs() throws {
        let sizes = try [5_000, 100_000, 5_000_000].map { try choose(data($0)).configuration }
        #expect(sizes.map(\.lora.rank) == [8, 16, 32])
        #expect(sizes.map(\.epochs) == [5, 3, 1])
        #expect(sizes.allSatisfy { $0.lora.scale == 2 })
    }

    @Test func wishesAreKeptAndSaidToBe() throws {
        var wishes = AutoSettings.Wishes()
        wishes.rank = 5
        wishes.learningRate = 0.125
        wishes.epochs = 0.5
        wishes.checkpointing = true
        let settings = try choose(data(100_000), wishes)
        #expect(settings.configuration.lora.rank == 5)
        #expect(settings.configuration.learningRate == 0.125)
        #expect(settings.configuration.epochs == 0.5)
        #expect(settings.configuration.recomputedLayers(of: 2) == 1)
        for name in ["rank", "learning rate", "epochs"] {
            #expect(settings.reasons.first { $0.setting == name }?.reason == "as you asked")
        }
    }

    @Test func everyChoiceHasAReason() throws {
        let reasons = try choose(data(100_000)).reasons
        for name in [
            "rank", "epochs", "batch", "maximum length", "learning rate", "precision", "recompute activations",
        ] {
            #expect(reasons.contains { $0.setting == name && !$0.reason.isEmpty }, "\(name)")
        }
    }

    @Test func lengthsNeverExceedTheContext() throws {
        #expect(try choose(data(100_000, usual: 5000)).configuration.maxLength == 256)
    }

    @Test func smallDataGetsEnoughSteps() throws {
        let configuration = try choose(data(10_000)).configuration
        #expect(configuration.batch == 1)
    }

    @Test func tightMemoryShrinksWhatNobodyAskedFor() throws {
        let roomy = try choose(data(3_000_000))
        #expect(roomy.configuration.recomputedLayers(of: 2) == 0)
        let needed = try total(roomy)
        let tight = try choose(data(3_000_000), available: needed)
        #expect(try total(tight) <= needed)
        #expect(tight.configuration.blocksPerStep == roomy.configuration.blocksPerStep)
        let error = #expect(throws: TrainingError.self) { try choose(data(3_000_000), available: 1000) }
        #expect(error?.code == "E-TRAIN-005")
        #expect(error?.message.contains("at least") == true)
    }

    @Test func aLimitThatIsJustMissedIsMetByWhatNobodyAskedFor() throws {
        let model = try TinyRun().model
        var wishes = AutoSettings.Wishes()
        wishes.batch = 4
        func choose(_ bytes: Int) throws -> AutoSettings {
            try AutoSettings.choose(
                model: model, data: data(3_000_000, usual: 64), wishes: wishes, machine: machine(asked: bytes))
        }
        let least = MemoryPlan.fastest(
            model: model, configuration: try choose(1 << 40).configuration, longest: 256,
            machine: machine(asked: 1)
        ).plan.total
        let settings = try choose(least - 1)
        #expect(try total(settings, model: model) < least)
        #expect(settings.configuration.batch == 4)
        #expect(settings.configuration.optimizer == .adamw8bit)
        #expect(settings.reasons.contains { $0.setting == "optimizer" })
    }
}
