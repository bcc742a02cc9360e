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

@Suite struct DamagedBaseTrainingTests {
    @Test func aRunEndsWithTheStateBeforeItsBaseWasCutShort() throws {
        let folder = try TemporaryDirectory()
        let whole = TinyRun.file().encoded()
        let path = try folder.write(whole, to: "base.gguf")
        let tiny = try TinyRun(model: BaseModel(path: path))
        let trainer = try tiny.trainer()
        var saved: Checkpoint?
        let error = #expect(throws: ModelError.self) {
            try trainer.runAlone { event in
                if case .step(let report) = event, report.step == 4 { #expect(truncate(path, 6000) == 0) }
            } onCheckpoint: { checkpoint in
                saved = try checkpoint.encoded().withUnsafeBytes { try Checkpoint(encoded: $0) }
            }
        }
        #expect(error?.code == "E-GGUF-009")
        #expect(saved?.state.step == 4)
        // With the whole file the run goes on to the same bytes.
        let again = try TinyRun(model: BaseModel(path: try folder.write(whole, to: "again.gguf")))
        let resumed = try again.trainer(checkpoint: saved).runAlone()
        #expect(try resumed.adapter.numbers == again.run().adapter.numbers)
    }

    @Test func aValidationOfADamagedBaseIsNotRecorded() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write(TinyRun.file().encoded(), to: "base.gguf")
        let tiny = try TinyRun(model: BaseModel(path: path))
        let trainer = try tiny.trainer()
        #expect(truncate(path, 6000) == 0)
        #expect(throws: ModelError.self) { try trainer.runAlone() }
        #expect(trainer.track.state.evaluatedStep < 0)
        #expect(trainer.track.state.baseLoss == nil)
    }

    @Test(arguments: [true, false]) func weightsThatAreNoNumbersEndTheRunByName(_ validating: Bool) throws {
        var writer = TinyRun.file(type: .q8_0).writer()
        writer.change("blk.1.attn_v.weight") { tensor in
            (tensor.data[34], tensor.data[35]) = (0x00, 0x7E)  // the second block's scale
        }
        let folder = try TemporaryDirectory()
        var tiny = try TinyRun(model: BaseModel(path: try folder.write(writer.encoded(), to: "nan.gguf")))
        if !validating { tiny.validation = [] }
        let error = #expect(throws: ModelError.self) { try tiny.run() }
        #expect(error?.code == "E-MODEL-006")
        #expect(error?.message.contains("blk.1.attn_v.weight") == true)
    }
}
