// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

/// Damaged files give a `ModelError` with a code and a remedy, and never a trap.
@Suite struct HostileGGUFTests {
    private static let tiny = SyntheticGGUF(
        layers: 1, width: 32, feedForward: 32, heads: 2, keyValueHeads: 1, vocabulary: 16, type: .q8_0)

    /// The error of opening `bytes` as a model, or nil if it opens.
    private static func error(_ bytes: [UInt8]) -> (any Error)? {
        bytes.withUnsafeBytes { buffer in
            do {
                let owner = NSObject()
                return withExtendedLifetime(try BaseModel(file: GGUFFile(bytes: buffer, owner: owner))) { nil }
            } catch { return error }
        }
    }

    private static func failure(_ writer: GGUFWriter) -> ModelError? {
        let error = error(writer.encoded()) as? ModelError
        #expect(error == nil || error?.remedy != nil && error?.exitStatus == .invalidData)
        return error
    }

    private static func failure(_ damage: (inout GGUFWriter) -> Void) -> String? {
        var writer = tiny.writer()
        damage(&writer)
        return failure(writer)?.code
    }

    @Test func theUndamagedFileOpens() {
        #expect(Self.error(Self.tiny.encoded()) == nil)
    }

    @Test func everyTruncationIsAnError() {
        let writer = Self.tiny.writer()
        let whole = writer.encoded()
        let header = writer.header().count
        let ends = Array(0..<header + 64) + Array(stride(from: header + 64, to: whole.count, by: 997))
        for end in ends {
            let error = Self.error(Array(whole[..<end])) as? ModelError
            #expect(error?.code.hasPrefix("E-GGUF-") == true, "\(end) of \(whole.count) bytes")
            #expect(error?.remedy != nil)
        }
    }

    /// Every byte of the header in turn, set to several values: an error or a model, never anything else.
    @Test func everyDamagedByteIsAnErrorOrHarmless() {
        let writer = Self.tiny.writer()
        var bytes = writer.encoded()
        for index in writer.header().indices {
            let kept = bytes[index]
            for value in [0, 0xFF, kept ^ 1] {
                bytes[index] = value
                let error = Self.error(bytes)
                #expect(
                    error == nil || (error as? any AttuneError)?.remedy != nil,
                    "byte \(index) = \(value): \(String(describing: error))")
            }
            bytes[index] = kept
        }
    }

    /// Eight bytes at every place of the header set to numbers that overflow sums and products.
    @Test func everyFieldMayBeHuge() {
        let writer = Self.tiny.writer()
        let whole = writer.encoded()
        let numbers: [UInt64] = [.max, (1 << 63) - 32, 1 << 61, 1 << 30]
        for start in 4..<writer.header().count {
            for number in numbers {
                var bytes = whole
                for offset in 0..<8 { bytes[start + offset] = UInt8(truncatingIfNeeded: number >> UInt64(8 * offset)) }
                let error = Self.error(bytes)
                #expect(
                    error == nil || (error as? any AttuneError)?.remedy != nil,
                    "\(number) at \(start): \(String(describing: error))")
            }
        }
    }

    @Test func anotherMagicVersionOrByteOrderIsRefused() {
        #expect(Self.failure { $0.magic = Array("GGML".utf8) } == "E-GGUF-001")
        for version: UInt32 in [0, 1, 4, 0x0300_0000, .max] {
            #expect(Self.failure { $0.version = version } == "E-GGUF-002")
        }
        #expect(Self.failure { $0.version = 2 } == nil)
        #expect((Self.error([]) as? ModelError)?.code == "E-GGUF-001")
    }

    @Test func countsBeyondTheFileAreRefused() {
        for count: UInt64 in [1 << 20, 1 << 40, 1 << 60, .max] {
            #expect(Self.failure { $0.valueCount = count } == "E-GGUF-004")
            #expect(Self.failure { $0.tensorCount = count } == "E-GGUF-005")
        }
    }

    @Test func keysMustBeThereOnceAndNamed() {
        #expect(Self.failure { $0.values.append(("general.name", .string("again"))) } == "E-GGUF-004")
        #expect(Self.failure { $0.values.append(("", .uint32(1))) } == "E-GGUF-004")
    }

    @Test func valuesOfUnknownOrNestedTypesAreRefused() {
        func value(_ type: UInt32, _ bytes: [UInt8] = [UInt8](repeating: 0, count: 64)) -> String? {
            Self.failure { $0.set("extra", .raw(type: type, bytes: bytes)) }
        }
        #expect(value(13) == "E-GGUF-004")
        #expect(value(.max) == "E-GGUF-004")
        #expect(value(9, [9, 0, 0, 0] + [1] + [UInt8](repeating: 0, count: 40)) == "E-GGUF-004")
        #expect(value(9, [77, 0, 0, 0] + [1] + [UInt8](repeating: 0, count: 40)) == "E-GGUF-004")
        #expect(value(7, [2]) == "E-GGUF-004")
        #expect(value(8, [1, 0, 0, 0, 0, 0, 0, 0, 0xFF]) == "E-GGUF-004")
        for type in UInt8(0)...12 where type != 9 {
            let huge = [type, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8)
            #expect(value(9, huge) == "E-GGUF-004", "array of \(type)")
            let large = [type, 0, 0, 0] + [0, 0, 0, 0x40, 0, 0, 0, 0]  // 2³⁰ elements
            #expect(value(9, large)?.hasPrefix("E-GGUF-00") == true, "array of \(type)")
            #expect(value(9, [type] + [UInt8](repeating: 0, count: 11)) == nil, "an empty array of \(type)")
        }
    }

    @Test func theAlignmentMustBeAPowerOfTwo() {
        for alignment: UInt32 in [0, 1, 4, 31, 33, 48] {
            #expect(Self.failure { $0.set("general.alignment", .uint32(alignment)) } == "E-GGUF-004")
        }
        #expect(Self.failure { $0.set("general.alignment", .uint64(32)) } == "E-GGUF-004")
        #expect(Self.failure { $0.set("general.alignment", .uint32(1 << 31)) } == "E-GGUF-006")
        let aligned = Self.failure {
            $0.set("general.alignment", .uint32(128))
            $0.alignment = 128
        }
        #expect(aligned == nil)
    }

    private static func tensorFailure(_ damage: (inout GGUFWriter.Tensor) -> Void) -> String? {
        failure { $0.change("blk.0.attn_q.weight", damage) }
    }

    @Test func tensorRecordsAreChecked() {
        #expect(Self.tensorFailure { $0.name = "output_norm.weight" } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.name = "" } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.name = String(repeating: "x", count: 64) } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.shape = [] } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.shape = [32, 32, 1, 1, 1] } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.shape = [0, 32] } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.shape = [32, 0] } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.shape = [33, 32] } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.shape = [1 << 32, 1 << 32] } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.shape = [1 << 62, 2] } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.shape = [.max, .max, .max, .max] } == "E-GGUF-005")
        #expect(Self.tensorFailure { $0.shape = [1 << 61, 1, 1, 1] } == "E-GGUF-006")
        #expect(Self.tensorFailure { $0.shape = [32, 1 << 40] } == "E-GGUF-006")
        for type: UInt32 in [4, 5, 31, 36, 99, .max] { #expect(Self.tensorFailure { $0.type = type } == "E-GGUF-005") }
        for type: UInt32 in [9, 16, 24, 35] { #expect(Self.tensorFailure { $0.type = type } == "E-GGUF-007") }
    }

    @Test func tensorsMustLieApartInsideTheFile() {
        #expect(Self.tensorFailure { $0.offset = 1 } == "E-GGUF-006")
        #expect(Self.tensorFailure { $0.offset = 0 } == "E-GGUF-006")  // upon the embedding
        #expect(Self.tensorFailure { $0.offset = 1 << 40 } == "E-GGUF-006")
        #expect(Self.tensorFailure { $0.offset = .max - 31 } == "E-GGUF-006")
        #expect(Self.tensorFailure { $0.offset = (1 << 63) - 32 } == "E-GGUF-006")
        #expect(Self.tensorFailure { $0.data.removeLast(64) } == "E-GGUF-006")
    }

    @Test func aTensorOfAnotherShapeIsRefused() {
        for name in Self.tiny.writer().tensors.map(\.name) {
            let code = Self.failure { writer in
                writer.change(name) { $0.shape[0] = $0.shape[0] * 2 }
                writer.change(name) { $0.data += $0.data }
            }
            #expect(code == "E-MODEL-005", "\(name)")
            let renamed = Self.failure { $0.change(name) { $0.name = "other.weight" } }
            #expect(renamed == "E-MODEL-004", "\(name)")
        }
        #expect(Self.failure { $0.tensors.append($0.tensors[1].named("blk.1.attn_norm.weight")) } == "E-MODEL-007")
        let transposed = Self.failure { $0.change("token_embd.weight") { $0.shape = [32, 4, 4] } }
        #expect(transposed == "E-MODEL-005")
    }

    @Test func normsMustBeFinite() {
        for bits: UInt32 in [0x7FC0_0000, 0x7F80_0000, 0xFF80_0000] {
            let code = Self.failure { writer in
                writer.change("blk.0.ffn_norm.weight") { tensor in
                    for index in 0..<4 { tensor.data[8 + index] = UInt8(truncatingIfNeeded: bits >> UInt32(8 * index)) }
                }
            }
            #expect(code == "E-MODEL-006")
        }
    }

    @Test func anotherArchitectureIsRefusedByName() throws {
        var writer = Self.tiny.writer()
        writer.set("general.architecture", .string("gemma3"))
        let error = try #require(Self.failure(writer))
        #expect(error.code == "E-MODEL-001")
        #expect(error.message.contains("gemma3"))
        #expect(error.message.contains("llama"))
        #expect(Self.failure { $0.set("general.architecture", nil) } == "E-MODEL-002")
        #expect(Self.failure { $0.set("general.type", .string("adapter")) } == "E-MODEL-003")
    }

    @Test(arguments: [
        "llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
        "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon", "tokenizer.ggml.tokens",
        "tokenizer.ggml.model",
    ])
    func aMissingKeyIsNamed(_ key: String) throws {
        var writer = Self.tiny.writer()
        writer.set(key, nil)
        let error = try #require(Self.failure(writer))
        #expect(error.code == "E-MODEL-002")
        #expect(error.message.contains(key))
    }

    @Test func aKeyOfAnotherTypeIsRefused() {
        for (key, value) in Self.tiny.writer().values where key != "general.name" {
            let other: GGUFWriter.Value
            if case .uint64 = value { other = .uint32(1) } else { other = .uint64(1) }
            #expect(Self.failure { $0.set(key, other) } == "E-MODEL-003", "\(key)")
        }
    }

    @Test func impossibleNumbersAreRefused() {
        let wrong: [(String, GGUFWriter.Value)] = [
            ("block_count", .uint32(0)), ("block_count", .uint32(513)), ("embedding_length", .uint32(.max)),
            ("attention.head_count", .uint32(0)), ("attention.head_count_kv", .uint32(0)),
            ("attention.head_count", .uint32(.max)),
            ("attention.head_count_kv", .uint32(4)), ("attention.head_count", .uint32s([2, 2])),
            ("attention.head_count", .float32s([2])), ("attention.key_length", .uint32(15)),
            ("attention.value_length", .uint32(8)), ("rope.dimension_count", .uint32(0)),
            ("rope.dimension_count", .uint32(18)), ("rope.dimension_count", .uint32(7)),
            ("rope.freq_base", .float32(0)), ("rope.freq_base", .float32(.nan)),
            ("attention.layer_norm_rms_epsilon", .float32(0)),
            ("attention.layer_norm_rms_epsilon", .float32(.infinity)),
            ("rope.scaling.factor", .float32(-1)), ("rope.scaling.attn_factor", .float32(0)),
            ("attention.scale", .float32(-1)), ("attention.scale", .float32(.nan)), ("vocab_size", .uint32(17)),
            ("context_length", .uint32(0)), ("context_length", .uint32(.max)),
        ]
        for (name, value) in wrong {
            #expect(Self.failure { $0.set("llama." + name, value) } == "E-MODEL-003", "\(name) \(value)")
        }
        #expect(Self.failure { $0.set("llama.attention.head_count", .uint32s([2])) } == nil)
    }

    @Test func featuresThatChangeTheGraphAreRefused() {
        let features: [(String, GGUFWriter.Value)] = [
            ("expert_count", .uint32(8)), ("logit_scale", .float32(0.1)), ("final_logit_softcapping", .float32(30)),
            ("rope.scaling.type", .string("longrope")),
        ]
        for (name, value) in features {
            #expect(Self.failure { $0.set("llama." + name, value) } == "E-MODEL-007", "\(name)")
        }
    }

    @Test func aDamagedTokenizerIsRefused() {
        let wrong: [(String, GGUFWriter.Value)] = [
            ("bos_token_id", .uint32(16)), ("eos_token_id", .uint32(.max)), ("token_type", .int32s([1])),
            ("token_type", .int32s([Int32](repeating: 7, count: 16))), ("scores", .float32s([0])),
            ("scores", .float32s([Float](repeating: .nan, count: 16))), ("merges", .strings(["ab"])),
            ("merges", .strings([" ab"])), ("merges", .strings([""])),
        ]
        for (name, value) in wrong {
            #expect(Self.failure { $0.set("tokenizer.ggml." + name, value) } == "E-MODEL-008", "\(name)")
        }
        #expect(Self.failure { $0.set("tokenizer.ggml.tokens", .strings([])) } == "E-MODEL-003")
    }

    @Test func ropeDivisorsMustFitAndBePositive() {
        func code(_ divisors: [Float]) -> String? {
            var tiny = Self.tiny
            tiny.ropeDivisors = divisors
            return Self.failure(tiny.writer())?.code
        }
        #expect(code([1, 1, 1, 1, 1, 1, 1, 1]) == nil)
        #expect(code([1, 1]) == "E-MODEL-005")
        #expect(code([1, 1, 1, 1, 1, 1, 1, 0]) == "E-MODEL-003")
        #expect(code([1, 1, 1, 1, 1, 1, 1, .nan]) == "E-MODEL-006")
    }

    /// Inputs that the fuzzer starts from, and those that once did harm.
    @Test func everyKeptFuzzInputIsAnErrorOrAModel() throws {
        let folder = TestBase.tests.deletingLastPathComponent().appending(path: "tools/fuzz/corpus/gguf")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files {
            let error = Self.error(Array(try Data(contentsOf: file)))
            #expect(error == nil || (error as? any AttuneError)?.remedy != nil, "\(file.lastPathComponent)")
        }
    }

    @Test func aFileThatIsNotThereIsNotFound() {
        let error = #expect(throws: FileError.self) { try GGUFFile(path: "/nowhere/model.gguf") }
        #expect(error?.exitStatus == .notFound)
    }
}

extension GGUFWriter.Tensor {
    fileprivate func named(_ name: String) -> GGUFWriter.Tensor {
        var copy = self
        copy.name = name
        return copy
    }
}
