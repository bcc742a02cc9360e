// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import AttuneTokenizer
import Foundation
import Testing

@testable import AttuneTraining

/// `tools/make-synthetic-base` writes bases that open, learn and are the same for the same seed.
@Suite struct SyntheticBaseToolTests {
    private func make(_ arguments: [String], in folder: TemporaryDirectory, exits status: Int32 = 0) throws {
        let tool = TestBase.tests.deletingLastPathComponent().appending(path: "tools/make-synthetic-base").path
        let environment = ProcessInfo.processInfo.environment
        let process = try ChildProcess(
            tool, arguments, environment: environment, folder: folder.path, output: folder.path + "/out",
            errors: folder.path + "/errors")
        let end = try process.wait()
        let errors = try String(contentsOfFile: folder.path + "/errors", encoding: .utf8)
        #expect(end == .exit(status), "\(errors)")
    }

    @Test(arguments: [BlockType.q4_1, .q4_0, .q8_0, .f16, .f32]) func theTinyShapeLearns(_ type: BlockType) throws {
        let folder = try TemporaryDirectory()
        try make(["--shape", "tiny", "--type", type.name.lowercased(), "base.gguf"], in: folder)
        let model = try BaseModel(path: folder.path + "/base.gguf")
        try model.requireFinite()
        #expect(model.shape.layers == 2)
        #expect(model.shape.width == 64)
        #expect(!model.isTied)
        #expect(model.weight(.down, layer: 1).type == type)
        let text = "the tree has an old name"
        #expect(model.tokenizer.decode(model.tokenizer.encode(text, special: .refused, addBOS: false)).contains(text))
        let tiny = try TinyRun(model: model)
        let outcome = try tiny.run()
        let (before, after) = try (#require(outcome.summary.baseLoss), #require(outcome.summary.keptLoss))
        #expect(abs(before - log(512)) < 1.5, "\(before)")
        #expect(after < before)
    }

    @Test func theSameSeedGivesTheSameFile() throws {
        let folder = try TemporaryDirectory()
        for (name, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
            try make(["--shape", "tiny", "--seed", seed, name], in: folder)
        }
        let files = try ["a", "b", "c"].map { try Data(contentsOf: folder.url.appending(path: $0)) }
        #expect(files[0] == files[1])
        #expect(files[0] != files[2])
    }

    @Test func anUnknownShapeIsRefused() throws {
        let folder = try TemporaryDirectory()
        try make(["--shape", "llama-8b", "x.gguf"], in: folder, exits: 2)
    }
}
