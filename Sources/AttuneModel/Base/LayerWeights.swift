// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The frozen weights of one block: y = h + W_down·(silu(W_gate·n)·(W_up·n)), n = norm(h), h = x + W_o·attention(norm(x)).
///
/// D width, F feed-forward width, H heads, K key-value heads, hd head dimension; weights are [outputs, inputs].
package struct LayerWeights: Sendable {
    /// 1 × D.
    package let attentionNorm: Matrix<Float>
    /// [H·hd, D]
    package let query: WeightMatrix
    /// [K·hd, D]
    package let key: WeightMatrix
    /// [K·hd, D]
    package let value: WeightMatrix
    /// [D, H·hd]
    package let output: WeightMatrix
    /// 1 × D.
    package let feedForwardNorm: Matrix<Float>
    /// [F, D]
    package let gate: WeightMatrix
    /// [F, D]
    package let up: WeightMatrix
    /// [D, F]
    package let down: WeightMatrix
    /// 1 × outputs, added after the product; most models have none.
    package let biases: [TargetModule: Matrix<Float>]

    /// The weight that an adapter of `module` changes.
    package subscript(_ module: TargetModule) -> WeightMatrix {
        switch module {
        case .query: query
        case .key: key
        case .value: value
        case .output: output
        case .gate: gate
        case .up: up
        case .down: down
        }
    }
}

/// Takes tensors out of a file, once each and only with the shape that is asked for.
struct TensorTaker {
    let file: GGUFFile
    private var taken: Set<String> = []
    private(set) var parameterCount = 0

    init(file: GGUFFile) { self.file = file }

    /// W [outputs, inputs].
    mutating func weight(_ name: String, outputs: Int, inputs: Int) throws -> WeightMatrix {
        try check(name, shape: [inputs, outputs])
        guard let weight = file.weight(name) else { throw ModelError.missingTensor(name, file: file.name) }
        return weight
    }

    /// 1 × count, in float32 and finite.
    mutating func vector(_ name: String, count: Int) throws -> Matrix<Float> {
        try check(name, shape: [count])
        guard let values = try file.vector(name) else { throw ModelError.missingTensor(name, file: file.name) }
        return Matrix(rows: 1, columns: count, values)
    }

    /// As `vector`, or nil if the file has none.
    mutating func optionalVector(_ name: String, count: Int) throws -> Matrix<Float>? {
        file.tensor(name) == nil ? nil : try vector(name, count: count)
    }

    mutating func ignore(_ name: String) { taken.insert(name) }

    /// A tensor that nobody took belongs to a graph that is not this one.
    func refuseRest() throws {
        if let name = file.tensorNames.first(where: { !taken.contains($0) }) {
            throw ModelError.unsupportedFeature("a tensor \(name) beyond those of its architecture", file: file.name)
        }
    }

    private mutating func check(_ name: String, shape: [Int]) throws {
        guard let tensor = file.tensor(name) else { throw ModelError.missingTensor(name, file: file.name) }
        guard tensor.shape == shape else {
            throw ModelError.wrongShape(name, file: file.name, is: tensor.shape, expected: shape)
        }
        taken.insert(name)
        parameterCount += tensor.elementCount
    }
}

extension LayerWeights {
    /// Takes the tensors `blk.N.*` of layer N.
    init(layer: Int, of configuration: ModelConfiguration, from tensors: inout TensorTaker) throws {
        let shape = configuration.shape
        func take(_ module: TargetModule) throws -> WeightMatrix {
            try tensors.weight(
                "blk.\(layer).\(module.rawValue).weight", outputs: shape.outputs(of: module),
                inputs: shape.inputs(of: module))
        }
        attentionNorm = try tensors.vector("blk.\(layer).attn_norm.weight", count: shape.width)
        query = try take(.query)
        key = try take(.key)
        value = try take(.value)
        output = try take(.output)
        feedForwardNorm = try tensors.vector("blk.\(layer).ffn_norm.weight", count: shape.width)
        gate = try take(.gate)
        up = try take(.up)
        down = try take(.down)
        var biases: [TargetModule: Matrix<Float>] = [:]
        for module in TargetModule.allCases {
            biases[module] = try tensors.optionalVector(
                "blk.\(layer).\(module.rawValue).bias", count: shape.outputs(of: module))
        }
        self.biases = biases
    }
}
