// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter

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
