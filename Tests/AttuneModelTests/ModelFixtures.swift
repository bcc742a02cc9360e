// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

/// Models, parameters and batches that several suites share.
enum ModelFixtures {
    /// The real base.
    static let base: Result<BaseModel, any Error> = Result { try BaseModel(path: TestBase.path) }

    /// A tiny model in float32 with two layers, two query heads to each key-value head.
    static func tiny(
        layers: Int = 2, tied: Bool = true, biases: Bool = false, headDimension: Int? = nil, seed: UInt64 = 1
    ) throws -> BaseModel {
        let folder = try TemporaryDirectory()
        let file = SyntheticGGUF(
            layers: layers, width: 32, feedForward: 48, heads: 4, keyValueHeads: 2, headDimension: headDimension,
            type: .f32, tied: tied, biases: biases, seed: seed)
        return try BaseModel(path: file.write(to: folder))
    }

    /// All sites of a model, or those of some modules and layers.
    static func layout(
        _ model: BaseModel, rank: Int = 3, modules: [TargetModule] = TargetModule.allCases, layers: [Int]? = nil
    ) -> LoRALayout {
        LoRALayout(
            shape: model.shape,
            configuration: LoRAConfiguration(
                rank: rank, alpha: 6, modules: modules, layers: layers ?? Array(0..<model.shape.layers)))
    }

    /// Uniform in ±`amplitude`, A and B alike.
    static func parameters<Element: PassNumber>(
        _ layout: LoRALayout, amplitude: Double = 0.2, seed: UInt64 = 5
    ) -> LoRAParameters<Element> {
        let parameters = LoRAParameters<Element>(layout: layout)
        fill(parameters.values, amplitude: amplitude, seed: seed)
        return parameters
    }

    static func fill<Element: PassNumber>(_ matrix: Matrix<Element>, amplitude: Double, seed: UInt64) {
        let random = RandomStream(seed: seed)
        for index in 0..<matrix.count {
            matrix.pointer[index] = Element((random.uniform(at: UInt64(index)) * 2 - 1) * amplitude)
        }
    }

    static func random<Element: PassNumber>(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Element> {
        let matrix = Matrix<Element>(rows: rows, columns: columns)
        fill(matrix, amplitude: 1, seed: seed)
        return matrix
    }

    /// Documents of the given lengths, with pseudo-random tokens.
    static func batch(_ lengths: [Int], vocabulary: Int, seed: UInt64 = 9) -> PackedTokens {
        let random = RandomStream(seed: seed)
        var start = 0
        let segments = lengths.map { length in
            defer { start += length }
            return start..<start + length
        }
        let tokens = (0..<start).map { Int32(random.bits(at: UInt64($0)) % UInt64(vocabulary)) }
        return PackedTokens(tokens: tokens, segments: segments)
    }

    static func adapter(
        _ model: BaseModel, seed: UInt64 = 5, rank: Int = 3, amplitude: Double = 0.2
    ) throws -> Adapter {
        let id = BaseID.zero
        let configuration = LoRAConfiguration(rank: rank, alpha: 6, layers: Array(0..<model.shape.layers))
        return Adapter(
            base: BaseIdentity(id: id, name: "tiny", shape: model.shape), configuration: configuration,
            parameters: parameters(
                LoRALayout(shape: model.shape, configuration: configuration), amplitude: amplitude, seed: seed))
    }

    /// The largest difference between two matrices, relative to the largest number of the second.
    static func difference<Element: PassNumber>(_ left: Matrix<Element>, _ right: Matrix<Element>) -> Double {
        let largest = right.buffer.reduce(0) { max($0, abs(Double($1))) }
        let apart = zip(left.buffer, right.buffer).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) }
        return apart / max(largest, 1e-30)
    }
}
