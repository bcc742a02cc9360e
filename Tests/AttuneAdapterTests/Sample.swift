// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTestSupport

/// Small bases and adapters for the tests of this target.
enum Sample {
    static func shape(adjacentPairs: Bool = true) -> BaseShape {
        BaseShape(
            architecture: adjacentPairs ? "llama" : "qwen2", layers: 2, width: 16, feedForward: 24, heads: 2,
            keyValueHeads: 1, headDimension: 8, vocabulary: 32, rotatesAdjacentPairs: adjacentPairs)
    }

    static func base(_ shape: BaseShape = shape()) -> BaseIdentity {
        BaseIdentity(id: .filled(7), name: "tiny", shape: shape)
    }

    static let smolLM2 = BaseIdentity(
        id: .filled(1), name: "smollm2",
        shape: BaseShape(
            architecture: "llama", layers: 30, width: 576, feedForward: 1536, heads: 9, keyValueHeads: 3,
            headDimension: 64, vocabulary: 49152, rotatesAdjacentPairs: true))

    /// Parameter i is i/8, so every number is exact in all formats of 16 bits up to 2048 places.
    static func adapter(
        base: BaseIdentity = base(), rank: Int = 2, alpha: Float = 4, rankStabilized: Bool = false,
        modules: [TargetModule] = TargetModule.allCases, layers: [Int] = [0, 1]
    ) -> Adapter {
        let configuration = LoRAConfiguration(
            rank: rank, alpha: alpha, rankStabilized: rankStabilized, modules: modules, layers: layers)
        let parameters = LoRAParameters<Float>(layout: LoRALayout(shape: base.shape, configuration: configuration))
        for index in parameters.values.buffer.indices { parameters.values.buffer[index] = Float(index) / 8 }
        return Adapter(base: base, configuration: configuration, parameters: parameters)
    }

    /// A safetensors file from a header and data of zeros.
    static func safetensors(_ header: String, dataBytes: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.littleEndian(UInt64(header.utf8.count))
        writer.append(header)
        writer.zeros(dataBytes)
        return writer.bytes
    }
}
