// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

@Suite struct SplitFileTests {
    private let tiny = SyntheticGGUF(type: .q4_1)

    @Test(arguments: [2, 3, 5]) func aSplitModelIsTheSameModel(_ parts: Int) throws {
        let folder = try TemporaryDirectory()
        let whole = try BaseModel(path: tiny.write(to: folder))
        let split = try BaseModel(path: tiny.writeSplit(to: folder, parts: parts, prefix: "split"))
        #expect(split.file.paths.count == parts)
        #expect(split.file.paths[1].hasSuffix(SyntheticGGUF.partName(1, of: parts, prefix: "split")))
        #expect(split.parameterCount == whole.parameterCount)
        for layer in whole.layers.indices {
            #expect(split.layers[layer].down.bytes.elementsEqual(whole.layers[layer].down.bytes))
        }
        #expect(split.finalNorm.values == whole.finalNorm.values)
    }

    private func failure(_ damage: (inout [GGUFWriter]) -> Void, without missing: Int? = nil, open index: Int = 0)
        throws -> ModelError?
    {
        let folder = try TemporaryDirectory()
        var parts = tiny.split(into: 3)
        damage(&parts)
        for (index, part) in parts.enumerated() where index != missing {
            try folder.write(part.encoded(), to: SyntheticGGUF.partName(index, of: 3))
        }
        let path = folder.path + "/" + SyntheticGGUF.partName(index, of: 3)
        return #expect(throws: ModelError.self) { try GGUFFile(path: path) }
    }

    @Test func aMissingFileIsNamed() throws {
        let error = try failure({ _ in }, without: 2)
        #expect(error?.code == "E-GGUF-008")
        #expect(error?.message.contains("tiny-00003-of-00003.gguf") == true)
        #expect(error?.remedy != nil)
    }

    @Test func onlyTheFirstFileOpensTheModel() throws {
        let error = try failure({ _ in }, open: 1)
        #expect(error?.code == "E-GGUF-008")
        #expect(error?.remedy?.contains("-00001-of-00003.gguf") == true)
    }

    @Test func filesThatDisagreeAreRefused() throws {
        #expect(try failure { $0[1].set("split.no", .uint16(2)) }?.code == "E-GGUF-008")
        #expect(try failure { $0[1].set("split.count", .uint16(4)) }?.code == "E-GGUF-008")
        #expect(try failure { $0[1].set("split.no", nil) }?.code == "E-GGUF-004")
        #expect(try failure { $0[1].set("split.no", .uint32(1)) }?.code == "E-GGUF-004")
        #expect(try failure { $0[0].set("split.tensors.count", .int32(7)) }?.code == "E-GGUF-008")
        #expect(try failure { $0[2].tensors[0].name = $0[0].tensors[0].name }?.code == "E-GGUF-005")
        #expect(try failure { $0[0].set("split.count", .uint16(.max)) }?.code == "E-GGUF-008")
    }

    @Test func bytesInMemoryMustBeWhole() {
        let bytes = tiny.split(into: 2)[0].encoded()
        bytes.withUnsafeBytes { buffer in
            let error = #expect(throws: ModelError.self) { try GGUFFile(bytes: buffer, owner: NSObject()) }
            #expect(error?.code == "E-GGUF-008")
        }
    }
}
