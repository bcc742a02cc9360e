// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import Foundation

/// The hyper-parameters of a base model, read from its file and checked: layers use them without further care.
package struct ModelConfiguration: Sendable, Equatable {
    /// `general.architecture`.
    package let architecture: String
    /// `general.name`, or the file's own name.
    package let name: String
    /// L.
    package let layers: Int
    /// D.
    package let width: Int
    /// F.
    package let feedForward: Int
    /// H.
    package let heads: Int
    /// K; H is a multiple of it, query head i uses key-value head i / (H/K).
    package let keyValueHeads: Int
    /// Even.
    package let headDimension: Int
    /// Tokens the model was made for.
    package let contextLength: Int
    /// V.
    package let vocabulary: Int
    /// ε of the RMS norms.
    package let normEpsilon: Float
    /// Elements at the start of each head that are rotated; even, at most `headDimension`.
    package let ropeDimension: Int
    package let ropeBase: Double
    /// Whether pair i is (2i, 2i+1), and not (i, i + ropeDimension/2).
    package let adjacentPairs: Bool
    package let ropeScaling: RopeScaling
    /// Radians per position of each of the ropeDimension/2 pairs, after scaling and `rope_freqs`.
    package let ropeFrequencies: [Double]
    /// What cos and sin are multiplied by; 1 except under YaRN.
    package let ropeMagnitude: Double
    /// What q·k is multiplied by; 1/√headDimension unless the file says otherwise.
    package let attentionScale: Float

    /// The numbers that decide the shapes of an adapter.
    package var shape: BaseShape {
        BaseShape(
            architecture: architecture, layers: layers, width: width, feedForward: feedForward, heads: heads,
            keyValueHeads: keyValueHeads, headDimension: headDimension, vocabulary: vocabulary,
            rotatesAdjacentPairs: adjacentPairs)
    }

    /// Values of `general.architecture` that are understood.
    package static let supportedArchitectures = ["llama"]
}

extension ModelConfiguration {
    /// Reads the hyper-parameters of `file`.
    ///
    /// - Throws: `E-MODEL-001` for another architecture, `E-MODEL-002` and `E-MODEL-003` for missing and impossible
    ///   values, `E-MODEL-007` for features that would change the results and are not supported.
    package init(_ file: GGUFFile) throws {
        let reader = HyperparameterReader(file: file, architecture: try Self.architecture(of: file))
        try reader.refuseUnsupportedFeatures()
        architecture = reader.architecture
        name = try file.string("general.name") ?? URL(filePath: file.name).deletingPathExtension().lastPathComponent
        layers = try reader.size("block_count", in: 1...512)
        width = try reader.size("embedding_length", in: 1...1 << 20)
        feedForward = try reader.sizeOfEachLayer("feed_forward_length", in: 1...1 << 22, layers: layers)
        heads = try reader.sizeOfEachLayer("attention.head_count", in: 1...1 << 14, layers: layers)
        keyValueHeads = try reader.sizeOfEachLayer(
            "attention.head_count_kv", in: 1...1 << 14, layers: layers, default: heads)
        guard heads % keyValueHeads == 0 else {
            throw reader.bad("attention.head_count_kv", "is \(keyValueHeads), which does not divide \(heads) heads")
        }
        headDimension = try Self.headDimension(reader, width: width, heads: heads)
        contextLength = try reader.size("context_length", in: 1...Int(Int32.max))
        vocabulary = try Self.vocabulary(reader)
        normEpsilon = try reader.positive("attention.layer_norm_rms_epsilon")
        ropeDimension = try reader.size("rope.dimension_count", in: 2...headDimension, default: headDimension)
        guard ropeDimension % 2 == 0 else { throw reader.bad("rope.dimension_count", "is \(ropeDimension), not even") }
        ropeBase = Double(try reader.positive("rope.freq_base", default: 10000))
        adjacentPairs = true
        ropeScaling = try reader.ropeScaling(base: ropeBase, contextLength: contextLength)
        ropeFrequencies = ropeScaling.frequencies(
            base: ropeBase, rotated: ropeDimension, divisors: try reader.ropeDivisors(pairs: ropeDimension / 2))
        guard ropeFrequencies.allSatisfy(\.isFinite) else {
            throw reader.bad("rope.freq_base", "gives frequencies that are not finite")
        }
        ropeMagnitude = ropeScaling.magnitude(
            attentionFactor: Double(try reader.positive("rope.scaling.attn_factor", default: 1)))
        let scale = try reader.number("attention.scale") ?? 0
        guard scale >= 0 else { throw reader.bad("attention.scale", "is negative") }
        attentionScale = scale == 0 ? 1 / Float(headDimension).squareRoot() : scale
    }

    private static func architecture(of file: GGUFFile) throws -> String {
        if let type = try file.string("general.type"), type != "model" {
            throw ModelError.badValue("general.type", file: file.name, "is “\(type)”: the file is not a base model")
        }
        guard let architecture = try file.string("general.architecture") else {
            throw ModelError.missingKey("general.architecture", file: file.name)
        }
        guard supportedArchitectures.contains(architecture) else {
            throw ModelError.unsupportedArchitecture(architecture, file: file.name, supported: supportedArchitectures)
        }
        return architecture
    }

    private static func headDimension(_ reader: HyperparameterReader, width: Int, heads: Int) throws -> Int {
        let fallback = width % heads == 0 ? width / heads : nil
        let key = try reader.size("attention.key_length", in: 2...1 << 14, default: fallback)
        let value = try reader.size("attention.value_length", in: 2...1 << 14, default: key)
        guard key == value, key % 2 == 0 else {
            throw reader.bad(
                "attention.key_length", "is \(key) beside a value length of \(value); even and equal is needed")
        }
        return key
    }

    private static func vocabulary(_ reader: HyperparameterReader) throws -> Int {
        let key = "tokenizer.ggml.tokens"
        guard let tokens = try reader.file.strings(key) else {
            throw ModelError.missingKey(key, file: reader.file.name)
        }
        guard (1...1 << 24).contains(tokens.count) else {
            throw ModelError.badValue(key, file: reader.file.name, "has \(tokens.count) tokens")
        }
        guard try reader.size("vocab_size", in: 1...1 << 24, default: tokens.count) == tokens.count else {
            throw reader.bad("vocab_size", "differs from the \(tokens.count) tokens of its tokenizer")
        }
        return tokens.count
    }
}
