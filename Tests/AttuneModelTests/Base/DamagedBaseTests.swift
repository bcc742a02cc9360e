// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

/// Bases that are damaged while they are used, or hold numbers that are none.
@Suite struct DamagedBaseTests {
    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch let error as ModelError { return error.code } catch { return "\(error)" }
    }

    @Test func aDecoderKeepsNothingOfABaseThatWasCutShort() throws {
        let folder = try TemporaryDirectory()
        let path = try SyntheticGGUF(type: .q4_1).write(to: folder)
        let model = try BaseModel(path: path)
        let decoder = Decoder(model: model, adapters: [], contextLength: 64)
        _ = try decoder.evaluate([1, 2, 3])
        #expect(truncate(path, 5000) == 0)
        #expect(code { _ = try decoder.evaluate([4]) } == "E-GGUF-009")
        #expect(decoder.tokens.isEmpty)
        #expect(code { _ = try decoder.evaluateAll([4, 5]) } == "E-GGUF-009")
        #expect(code { _ = try decoder.prefill(prompt: [4, 5]) } == "E-GGUF-009")
        #expect(code { try model.requireIntact() } == "E-GGUF-009")
    }

    @Test func onePartOfASplitBaseIsEnough() throws {
        let folder = try TemporaryDirectory()
        let path = try SyntheticGGUF(type: .q8_0).writeSplit(to: folder, parts: 3)
        let model = try BaseModel(path: path)
        try model.requireIntact()
        #expect(truncate(folder.path + "/" + SyntheticGGUF.partName(1, of: 3), 600) == 0)
        #expect(code { try model.requireIntact() } == "E-GGUF-009")
    }

    @Test(arguments: [BlockType.q4_0, .q4_1, .q8_0, .q4K, .q6K, .f16, .f32], [0x7C00, 0x7E00])
    func aScaleThatIsNoNumberIsFound(_ type: BlockType, _ bits: Int) throws {
        var writer = SyntheticGGUF(layers: 1, width: 256, feedForward: 256, vocabulary: 320, type: type).writer()
        let (name, place) = ("blk.0.ffn_up.weight", type == .q6K ? 208 : 0)
        writer.change(name) { tensor in
            let block = tensor.data.count / type.bytes / 2 * type.bytes
            let pattern = type == .f32 ? Float.nan.bitPattern : UInt32(bits)
            for byte in 0..<(type == .f32 ? 4 : 2) {
                tensor.data[block + place + byte] = UInt8(truncatingIfNeeded: pattern >> (8 * byte))
            }
        }
        let folder = try TemporaryDirectory()
        let model = try BaseModel(path: try folder.write(writer.encoded(), to: "nan.gguf"))
        #expect(code { try model.requireFinite() } == "E-MODEL-006")
        let generator = Generator(
            decoder: Decoder(model: model, adapters: [], contextLength: 64), tokenizer: model.tokenizer)
        let answer = code {
            _ = try generator.generate(prompt: [5, 6], sampling: SamplingOptions(), seed: 1, maxTokens: 2)
        }
        #expect(answer == "E-MODEL-006")
    }

    @Test func aWholeBaseIsFinite() throws {
        let folder = try TemporaryDirectory()
        try BaseModel(path: SyntheticGGUF(type: .q4_1, tied: false).write(to: folder)).requireFinite()
    }
}
