// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTokenizer
import Synchronization

/// A base model: the frozen weights where they lie in their mapped file, with everything that is needed to use them.
///
/// Every tensor has exactly the shape that the hyper-parameters ask for, and no tensor is left over.
package final class BaseModel: Sendable {
    package let file: GGUFFile
    package let configuration: ModelConfiguration
    /// [V, D]
    package let tokenEmbedding: WeightMatrix
    /// [V, D]; the embedding itself where the model is tied.
    package let head: WeightMatrix
    package let isTied: Bool
    /// 1 × D.
    package let finalNorm: Matrix<Float>
    package let layers: [LayerWeights]
    package let tokenizerDefinition: TokenizerDefinition
    package let tokenizer: Tokenizer
    package let chatTemplate: ChatTemplate
    /// What of the weights lies in memory; without a limit that is up to the kernel.
    package let residency: LayerResidency
    /// Numbers in all tensors that were trained; `rope_freqs` is not counted.
    package let parameterCount: Int

    private let repacking = Mutex<RepackedWeights?>(nil)

    package var shape: BaseShape { configuration.shape }

    /// Opens the model at `path`; of a split model, `path` is the first file.
    ///
    /// - Throws: `ModelError`, `TokenizerError` or `FileError`.
    package convenience init(path: String) throws {
        try self.init(file: GGUFFile(path: path))
    }

    /// Takes the weights out of an open file.
    ///
    /// - Throws: `ModelError` with `E-MODEL-001` to `E-MODEL-008` or `E-GGUF-009`, or `TokenizerError`.
    package init(file: GGUFFile) throws {
        let configuration = try ModelConfiguration(file)
        var tensors = TensorTaker(file: file)
        tensors.ignore("rope_freqs.weight")  // already in the configuration's frequencies
        let (width, vocabulary) = (configuration.width, configuration.vocabulary)
        tokenEmbedding = try tensors.weight("token_embd.weight", outputs: vocabulary, inputs: width)
        isTied = file.tensor("output.weight") == nil
        head = isTied ? tokenEmbedding : try tensors.weight("output.weight", outputs: vocabulary, inputs: width)
        finalNorm = try tensors.vector("output_norm.weight", count: width)
        layers = try (0..<configuration.layers).map { try LayerWeights(layer: $0, of: configuration, from: &tensors) }
        try tensors.refuseRest()
        parameterCount = tensors.parameterCount
        tokenizerDefinition = try TokenizerDefinition(file)
        tokenizer = try Tokenizer(tokenizerDefinition)
        chatTemplate = ChatTemplate(for: tokenizerDefinition)
        self.file = file
        self.configuration = configuration
        residency = LayerResidency(file: file, layers: configuration.layers)
        try requireIntact()
    }

    /// Passes where the files are still what was opened; to be asked before a result of the weights is kept.
    ///
    /// - Throws: `E-GGUF-009`.
    package func requireIntact() throws { try file.requireIntact() }

    /// The copy of the weights for decoding in int8, made when it is first asked for and shared from then on.
    package var repacked: RepackedWeights {
        repacking.withLock { made in
            let weights = made ?? RepackedWeights(self)
            made = weights
            return weights
        }
    }

    /// The frozen weight that an adapter of `module` in `layer` changes.
    package func weight(_ module: TargetModule, layer: Int) -> WeightMatrix { layers[layer][module] }
}

extension BaseModel {
    /// Passes where every weight is a number; one block whose scale is not would spoil all that is computed.
    ///
    /// Reads the whole file once, a megabyte at a time. Norms, biases and rotations were checked when the model opened.
    /// - Throws: `E-MODEL-006` naming the tensor.
    package func requireFinite() throws {
        for tensor in file.tensors {
            guard let weight = file.weight(tensor.name) else { continue }
            let rows = min(weight.rows, max(1, (1 << 18) / weight.columns))
            let values = Matrix<Float>(rows: rows, columns: weight.columns)
            for first in stride(from: 0, to: weight.rows, by: rows) {
                let count = min(rows, weight.rows - first)
                let part = values.prefix(count)
                dequantize(weight, rows: first..<first + count, into: part)
                guard isFinite(part) else { throw ModelError.notFinite(tensor.name, file: file.name) }
            }
        }
    }
}
