// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// A tiny model of architecture `llama` with random weights, for tests that need a model and not its knowledge.
///
///     let folder = try TemporaryDirectory()
///     let model = try BaseModel(path: SyntheticGGUF(layers: 2, width: 32, type: .f32).write(to: folder))
package struct SyntheticGGUF: Sendable {
    package var layers: Int
    package var width: Int
    package var feedForward: Int
    package var heads: Int
    package var keyValueHeads: Int
    package var headDimension: Int
    package var vocabulary: Int
    package var contextLength: Int
    /// Of the linear layers; rows that the block size does not divide are stored as F32.
    package var type: BlockType
    /// Of the embedding and of the head.
    package var embeddingType: BlockType
    package var tied: Bool
    package var biases: Bool
    package var seed: UInt64
    /// Written as `rope_freqs.weight`, one for each pair.
    package var ropeDivisors: [Float]?
    /// Added to the metadata, or replacing what is there.
    package var extraValues: [(key: String, value: GGUFWriter.Value)] = []

    /// `headDimension` is `width / heads` and `embeddingType` is `type` unless given.
    package init(
        layers: Int = 2, width: Int = 64, feedForward: Int = 96, heads: Int = 4, keyValueHeads: Int = 2,
        headDimension: Int? = nil, vocabulary: Int = 320, contextLength: Int = 256, type: BlockType = .q8_0,
        embeddingType: BlockType? = nil, tied: Bool = true, biases: Bool = false, seed: UInt64 = 1
    ) {
        self.layers = layers
        self.width = width
        self.feedForward = feedForward
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension ?? width / heads
        self.vocabulary = vocabulary
        self.contextLength = contextLength
        self.type = type
        self.embeddingType = embeddingType ?? type
        self.tied = tied
        self.biases = biases
        self.seed = seed
    }

    /// The file, ready to be changed before it is encoded.
    package func writer() -> GGUFWriter {
        var writer = GGUFWriter()
        writer.values = [
            ("general.architecture", .string("llama")),
            ("general.name", .string("tiny")),
            ("llama.block_count", .uint32(UInt32(layers))),
            ("llama.context_length", .uint32(UInt32(contextLength))),
            ("llama.embedding_length", .uint32(UInt32(width))),
            ("llama.feed_forward_length", .uint32(UInt32(feedForward))),
            ("llama.attention.head_count", .uint32(UInt32(heads))),
            ("llama.attention.head_count_kv", .uint32(UInt32(keyValueHeads))),
            ("llama.attention.key_length", .uint32(UInt32(headDimension))),
            ("llama.attention.value_length", .uint32(UInt32(headDimension))),
            ("llama.attention.layer_norm_rms_epsilon", .float32(1e-5)),
            ("llama.rope.dimension_count", .uint32(UInt32(headDimension))),
            ("llama.rope.freq_base", .float32(10000)),
            ("llama.vocab_size", .uint32(UInt32(vocabulary))),
        ]
        writer.values += SyntheticTokenizer(vocabulary: vocabulary).values
        for (key, value) in extraValues { writer.set(key, value) }
        writer.tensors = tensors()
        return writer
    }

    /// The bytes of the file.
    package func encoded() -> [UInt8] { writer().encoded() }

    /// Writes the file into `folder` and returns its path.
    package func write(to folder: TemporaryDirectory, name: String = "tiny.gguf") throws -> String {
        try folder.write(encoded(), to: name)
    }

    /// Writes the model as `parts` files, the tensors spread evenly, and returns the path of the first.
    package func writeSplit(to folder: TemporaryDirectory, parts: Int, prefix: String = "tiny") throws -> String {
        var paths: [String] = []
        for (index, part) in split(into: parts).enumerated() {
            paths.append(try folder.write(part.encoded(), to: Self.partName(index, of: parts, prefix: prefix)))
        }
        return paths[0]
    }

    /// The files of the split model, ready to be changed before they are encoded.
    package func split(into parts: Int) -> [GGUFWriter] {
        let whole = writer()
        return (0..<parts).map { index in
            var part = GGUFWriter()
            part.values = index == 0 ? whole.values : []
            part.set("split.no", .uint16(UInt16(index)))
            part.set("split.count", .uint16(UInt16(parts)))
            part.set("split.tensors.count", .int32(Int32(whole.tensors.count)))
            let count = whole.tensors.count
            part.tensors = Array(whole.tensors[count * index / parts..<count * (index + 1) / parts])
            return part
        }
    }

    /// `PREFIX-00001-of-00003.gguf` for index 0 of 3.
    package static func partName(_ index: Int, of parts: Int, prefix: String = "tiny") -> String {
        func padded(_ number: Int) -> String { String(String(100_000 + number).dropFirst()) }
        return "\(prefix)-\(padded(index + 1))-of-\(padded(parts)).gguf"
    }

    private func tensors() -> [GGUFWriter.Tensor] {
        var random = SyntheticRandom(seed: seed)
        var tensors: [GGUFWriter.Tensor] = []
        func matrix(_ name: String, outputs: Int, inputs: Int, type: BlockType, bound: Float) {
            let stored = inputs % type.elements == 0 ? type : .f32
            let values = (0..<outputs * inputs).map { _ in random.uniform(bound) }
            tensors.append(
                GGUFWriter.Tensor(
                    name: name, shape: [UInt64(inputs), UInt64(outputs)], type: stored.rawValue,
                    data: BlockEncoder.encode(values, as: stored, scale: bound, random: &random)))
        }
        func vector(_ name: String, _ values: [Float]) {
            tensors.append(
                GGUFWriter.Tensor(
                    name: name, shape: [UInt64(values.count)], type: BlockType.f32.rawValue,
                    data: BlockEncoder.encode(values, as: .f32, scale: 1, random: &random)))
        }
        func norm(_ name: String) { vector(name, (0..<width).map { _ in 1 + random.uniform(0.25) }) }
        // Uniform in ±√(3/inputs): an input of variance 1 gives an output of variance 1.
        func linear(_ name: String, outputs: Int, inputs: Int) {
            matrix(
                name + ".weight", outputs: outputs, inputs: inputs, type: type, bound: (3 / Float(inputs)).squareRoot())
            if biases { vector(name + ".bias", (0..<outputs).map { _ in random.uniform(0.5) }) }
        }
        matrix("token_embd.weight", outputs: vocabulary, inputs: width, type: embeddingType, bound: 1)
        if let ropeDivisors { vector("rope_freqs.weight", ropeDivisors) }
        for layer in 0..<layers {
            norm("blk.\(layer).attn_norm.weight")
            linear("blk.\(layer).attn_q", outputs: heads * headDimension, inputs: width)
            linear("blk.\(layer).attn_k", outputs: keyValueHeads * headDimension, inputs: width)
            linear("blk.\(layer).attn_v", outputs: keyValueHeads * headDimension, inputs: width)
            linear("blk.\(layer).attn_output", outputs: width, inputs: heads * headDimension)
            norm("blk.\(layer).ffn_norm.weight")
            linear("blk.\(layer).ffn_gate", outputs: feedForward, inputs: width)
            linear("blk.\(layer).ffn_up", outputs: feedForward, inputs: width)
            linear("blk.\(layer).ffn_down", outputs: width, inputs: feedForward)
        }
        norm("output_norm.weight")
        if !tied {
            let bound = (3 / Float(width)).squareRoot()
            matrix("output.weight", outputs: vocabulary, inputs: width, type: embeddingType, bound: bound)
        }
        return tensors
    }
}
