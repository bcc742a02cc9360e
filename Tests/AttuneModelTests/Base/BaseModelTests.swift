// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import AttuneTokenizer
import Testing

@Suite struct BaseModelTests {
    @Test func theDefaultBaseHasItsPublishedFacts() throws {
        let model = try BaseModel(path: TestBase.path)
        let file = model.file
        #expect(file.totalBytes == 98_362_432)
        #expect(file.tensors.count == 272)
        #expect(file.metadata.count == 33)
        #expect(
            model.shape
                == BaseShape(
                    architecture: "llama", layers: 30, width: 576, feedForward: 1536, heads: 9, keyValueHeads: 3,
                    headDimension: 64, vocabulary: 49152, rotatesAdjacentPairs: true))
        let configuration = model.configuration
        #expect(configuration.contextLength == 8192)
        #expect(configuration.ropeBase == 100_000)
        #expect(configuration.ropeDimension == 64)
        #expect(configuration.normEpsilon == 1e-5)
        #expect(configuration.attentionScale == 0.125)
        #expect(configuration.ropeScaling == .none)
        #expect(configuration.ropeMagnitude == 1)
        #expect(configuration.ropeFrequencies.count == 32)
        #expect(model.isTied)
        #expect(model.parameterCount == 134_515_008)
        #expect(model.tokenEmbedding.type == .q8_0)
        #expect(model.weight(.down, layer: 29).type == .q4_1)
        #expect(model.layers.allSatisfy { $0.biases.isEmpty })
    }

    @Test func tensorsLieWhereTheFileSays() throws {
        let model = try BaseModel(path: TestBase.path)
        let sum = model.finalNorm.values.reduce(0.0) { $0 + Double($1) }
        #expect(abs(sum - 1038.33203) < 1e-3)
        #expect(model.file.tensor("token_embd.weight")?.byteCount == 30_081_024)
        #expect(model.file.tensor("blk.0.attn_k.weight")?.shape == [576, 192])
        // First block of blk.0.attn_q, decoded by hand: f16 scale, f16 minimum, sixteen low nibbles.
        let block = model.layers[0].query.bytes
        func half(_ offset: Int) -> Float {
            Float(Float16(bitPattern: block.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
        }
        let values = (0..<5).map { half(0) * Float(block[4 + $0] & 15) + half(2) }
        let expected: [Float] = [-0.0963135, 0.1573486, -0.0963135, -0.7304688, 1.1719971]
        #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test func theEmbeddingHasItsPublishedSum() throws {
        let embedding = try BaseModel(path: TestBase.path).tokenEmbedding
        var sum = 0.0
        let rows = Matrix<Float>(rows: 512, columns: 576)
        for start in stride(from: 0, to: embedding.rows, by: rows.rows) {
            dequantize(embedding, rows: start..<start + rows.rows, into: rows)
            sum += rows.buffer.reduce(0.0) { $0 + Double($1) }
        }
        #expect(abs(sum + 15353.0445) < 0.001)
    }

    @Test func theTokenizerIsReadWhole() throws {
        let definition = try BaseModel(path: TestBase.path).tokenizerDefinition
        #expect(definition.model == "gpt2")
        #expect(definition.pre == "smollm")
        #expect(definition.tokens.count == 49152)
        #expect(definition.merges.count == 48900)
        #expect(definition.types.count == 49152)
        #expect(definition.types.prefix(17).allSatisfy { $0 == 3 })
        #expect(definition.bos == 1)
        #expect(definition.eos == 2)
        #expect(definition.unknown == 0)
        #expect(definition.padding == 2)
        #expect(definition.addsBOS == false)
        #expect(definition.addsSpacePrefix == false)
        #expect(definition.chatTemplate?.contains("SmolLM") == true)
    }

    @Test func theTokenizerAndTheTemplateComeWithTheModel() throws {
        let model = try BaseModel(path: TestBase.path)
        #expect(model.tokenizer.encode("Hello world") == [19556, 905])
        #expect(model.tokenizer.endOfGeneration == [0, 2])
        let prompt = [ChatMessage(role: .user, content: "What is the capital of France?")]
        let tokens = model.chatTemplate.tokens(prompt, addGenerationPrompt: true, tokenizer: model.tokenizer)
        #expect(tokens.ids.count == 37)
    }

    @Test func theSummaryTellsWhatIsStored() throws {
        let summary = try BaseModel(path: TestBase.path).summary
        #expect(summary.stored.map(\.type) == ["Q4_1", "Q8_0", "F32"])
        #expect(summary.stored.map(\.tensors) == [210, 1, 61])
        #expect(summary.stored.reduce(0) { $0 + $1.bytes } == 96_576_768)
        #expect(summary.tokenizer == "gpt2 (smollm)")
        #expect(summary.hasChatTemplate)
    }
}
