// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Testing

@Suite struct SyntheticModelTests {
    @Test func aTiedModelUsesItsEmbeddingAsHead() throws {
        let folder = try TemporaryDirectory()
        let model = try BaseModel(path: SyntheticGGUF(type: .q8_0).write(to: folder))
        #expect(model.isTied)
        #expect(model.head.bytes.baseAddress == model.tokenEmbedding.bytes.baseAddress)
        #expect(model.shape.headDimension == 16)
        #expect(model.shape.keyValueHeads == 2)
        #expect(model.weight(.key, layer: 1).rows == 32)
    }

    @Test func anUntiedModelHasAHeadOfItsOwn() throws {
        let folder = try TemporaryDirectory()
        let model = try BaseModel(path: SyntheticGGUF(type: .f16, tied: false).write(to: folder))
        #expect(!model.isTied)
        #expect(model.head.bytes.baseAddress != model.tokenEmbedding.bytes.baseAddress)
    }

    @Test(arguments: BlockType.allCases) func everyStorageTypeIsTaken(_ type: BlockType) throws {
        let folder = try TemporaryDirectory()
        let tiny = SyntheticGGUF(layers: 1, width: 256, feedForward: 256, vocabulary: 64, type: type)
        let model = try BaseModel(path: tiny.write(to: folder))
        #expect(model.weight(.up, layer: 0).type == type)
        #expect(model.tokenEmbedding.bytes.count == 64 * model.tokenEmbedding.rowBytes)
    }

    @Test func headsMayBeWiderThanTheModel() throws {
        let folder = try TemporaryDirectory()
        let model = try BaseModel(path: SyntheticGGUF(width: 64, headDimension: 32, type: .f32).write(to: folder))
        #expect(model.weight(.query, layer: 0).rows == 128)
        #expect(model.weight(.output, layer: 0).columns == 128)
    }

    @Test func biasesAreOptional() throws {
        let folder = try TemporaryDirectory()
        let model = try BaseModel(path: SyntheticGGUF(biases: true).write(to: folder))
        #expect(model.layers[0].biases.count == TargetModule.allCases.count)
        #expect(model.layers[1].biases[.key]?.columns == 32)
    }

    @Test func theSameSeedGivesTheSameFile() {
        #expect(SyntheticGGUF(seed: 7).encoded() == SyntheticGGUF(seed: 7).encoded())
        #expect(SyntheticGGUF(seed: 7).encoded() != SyntheticGGUF(seed: 8).encoded())
    }
}
