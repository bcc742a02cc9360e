// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

@testable import AttuneTraining

/// Plans for bases of Llama's shapes, whose files are holes: only their headers are read.
@Suite struct LargeBasePlanTests {
    private func model(_ shape: String, _ folder: TemporaryDirectory) throws -> BaseModel {
        let tool = TestBase.tests.deletingLastPathComponent().appending(path: "tools/make-synthetic-base").path
        let process = try ChildProcess(
            tool, ["--shape", shape, "--sparse", "\(shape).gguf"], environment: ProcessInfo.processInfo.environment,
            folder: folder.path, output: folder.path + "/out", errors: folder.path + "/errors")
        #expect(try process.wait() == .exit(0))
        return try BaseModel(path: "\(folder.path)/\(shape).gguf")
    }

    private func plan(
        _ model: BaseModel, tokens: Int, asked: Int?, optimizer: Optimizer = .adamw8bit
    ) -> (configuration: TrainingConfiguration, plan: MemoryPlan) {
        var configuration = TrainingConfiguration(
            lora: LoRAConfiguration(rank: 16, alpha: 32, layers: Array(0..<model.shape.layers)), epochs: 3,
            learningRate: 2e-4, maxLength: tokens, batch: 1)
        configuration.optimizer = optimizer
        return MemoryPlan.fastest(
            model: model, configuration: configuration, longest: tokens,
            machine: Machine(
                limits: MemoryLimits(available: 1 << 40).limited(to: asked), threads: 2, computesBFloat16: true))
    }

    @Test func a7BBaseTrainsIn2GiBAndKeepsWhatFits() throws {
        let folder = try TemporaryDirectory()
        let model = try model("llama-7b", folder)
        let free = plan(model, tokens: 512, asked: nil)
        #expect(free.plan.residentWeights == nil)
        #expect(free.configuration.recomputedLayers(of: 32) == 0)
        let (configuration, plan) = plan(model, tokens: 512, asked: 2 << 30)
        #expect(plan.fits)
        #expect(plan.residentWeights == model.residency.comfortable)
        #expect(plan.total > 15 << 27, "\(plan.parts)")
        #expect(configuration.recomputedLayers(of: 32) < 26, "\(configuration.recomputedLayers(of: 32)) \(plan.parts)")
    }

    @Test(arguments: [("llama-13b", 512, 4), ("llama-33b", 256, 6), ("llama-65b", 16, 8)])
    func largerBasesTrainInAFractionOfTheirSize(_ shape: String, _ tokens: Int, _ gibibytes: Int) throws {
        let folder = try TemporaryDirectory()
        let model = try model(shape, folder)
        let (_, plan) = plan(model, tokens: tokens, asked: gibibytes << 30)
        #expect(plan.fits, "\(plan.parts)")
        #expect(plan.residentWeights != nil, "\(plan.parts)")
        #expect(plan.total < model.file.totalBytes, "\(plan.parts)")
    }
}
