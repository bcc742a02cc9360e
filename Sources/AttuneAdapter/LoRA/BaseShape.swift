// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The numbers of a base model that decide the shapes of an adapter.
package struct BaseShape: Codable, Hashable, Sendable {
    /// `general.architecture` of the file, such as `llama`.
    package let architecture: String
    package let layers: Int
    /// D, F, H, K, V of the legend, and the width of one head.
    package let width: Int
    package let feedForward: Int
    package let heads: Int
    package let keyValueHeads: Int
    package let headDimension: Int
    package let vocabulary: Int
    /// Whether rows of q and k are stored in adjacent rotation pairs (GGUF `llama`), and not in halves (Hugging Face).
    package let rotatesAdjacentPairs: Bool

    package init(
        architecture: String, layers: Int, width: Int, feedForward: Int, heads: Int, keyValueHeads: Int,
        headDimension: Int, vocabulary: Int, rotatesAdjacentPairs: Bool
    ) {
        self.architecture = architecture
        self.layers = layers
        self.width = width
        self.feedForward = feedForward
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.vocabulary = vocabulary
        self.rotatesAdjacentPairs = rotatesAdjacentPairs
    }

    /// Columns of the weight of `module`.
    package func inputs(of module: TargetModule) -> Int {
        switch module {
        case .query, .key, .value, .gate, .up: width
        case .output: heads * headDimension
        case .down: feedForward
        }
    }

    /// Rows of the weight of `module`.
    package func outputs(of module: TargetModule) -> Int {
        switch module {
        case .query: heads * headDimension
        case .key, .value: keyValueHeads * headDimension
        case .output, .down: width
        case .gate, .up: feedForward
        }
    }
}

/// Which base an adapter belongs to.
package struct BaseIdentity: Codable, Hashable, Sendable {
    /// BLAKE2b-256 of the base's file (of all split files in order).
    package let id: BaseID
    /// The name people gave it, such as `smollm2`; for messages only.
    package let name: String
    package let shape: BaseShape

    package init(id: BaseID, name: String, shape: BaseShape) {
        self.id = id
        self.name = name
        self.shape = shape
    }
}
