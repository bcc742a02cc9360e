// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import AttuneTraining
import Foundation
import Testing

@testable import AttuneKit

@Suite struct DecodingPlanTests {
    private func model(_ folder: TemporaryDirectory) throws -> BaseModel {
        let path = folder.path + "/base.gguf"
        let tool = TestBase.tests.deletingLastPathComponent().appending(path: "tools/make-synthetic-base").path
        let process = try ChildProcess(
            tool, ["--shape", "tiny", "--type", "q4_1", path], environment: ProcessInfo.processInfo.environment,
            folder: folder.path,
            output: folder.path + "/out", errors: folder.path + "/errors")
        #expect(try process.wait() == .exit(0))
        return try BaseModel(path: path)
    }

    private func plan(_ model: BaseModel, free: Int, asked: Int?) throws -> DecodingPlan {
        try DecodingPlan(
            model: model, tokens: 64, context: 64, cacheType: .f16,
            limits: MemoryLimits(available: free).limited(to: asked))
    }

    @Test func theFastestFormThatFitsIsTaken() throws {
        let folder = try TemporaryDirectory()
        let model = try model(folder)
        let roomy = try plan(model, free: 1 << 40, asked: nil)
        #expect(roomy.precision == .int8)
        #expect(roomy.memory.weights == nil)
        let allowed = try plan(model, free: 1 << 40, asked: roomy.total)
        #expect(allowed.precision == .int8)
        #expect(allowed.total == roomy.total)
        let mapped = try plan(model, free: 1 << 40, asked: roomy.total - 1)
        #expect(mapped.precision == .bfloat16)
        #expect(mapped.memory.weights == nil)
        #expect(mapped.total < roomy.total)
    }

    @Test func aLimitBelowTheLeastIsRefusedWithTheLeast() throws {
        let folder = try TemporaryDirectory()
        let model = try model(folder)
        let error = #expect(throws: KitError.self) { try plan(model, free: 1 << 40, asked: 8 << 20) }
        #expect(
            error?.code == "E-MEMORY-002" && error?.message.contains("at least 9") == true, "\(error?.message ?? "")")
        // What the system has less than the limit decides, but nobody asked for it: it is tried.
        let tight = try plan(model, free: 150_000, asked: nil)
        #expect(tight.memory.weights == model.residency.minimum)
        model.residency.limit(to: tight.memory)
        #expect(model.residency.limit == model.residency.minimum)
    }
}
