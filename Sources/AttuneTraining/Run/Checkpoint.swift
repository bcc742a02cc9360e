// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Everything that a run needs to go on as if it had never stopped, to the bit.
///
/// Random numbers are functions of seed and position, so the seed and the step are their whole state. The matrices are
/// those of the trainer that made the checkpoint: encode or use it before that trainer takes another step.
package struct Checkpoint: Sendable {
    package let configuration: TrainingConfiguration
    package let state: RunState
    /// Names the data; a run is continued only with the same.
    package let dataDigest: String
    /// Names the blocks made of the data.
    package let blocks: BlockFingerprint
    /// Base, sites, ranks and scales of the adapter.
    package let manifest: AdapterManifest
    package let parameters: LoRAParameters<Float>
    /// Of the optimiser.
    package let moments: Moments
    /// The version to keep if nothing better comes.
    package let best: LoRAParameters<Float>

    /// The version to keep, as an adapter with memory of its own.
    package var adapter: Adapter {
        Adapter(base: manifest.base, configuration: manifest.configuration, parameters: best.copied())
    }
}

/// What a run was trained and validated on, in one number each.
package struct BlockFingerprint: Codable, Hashable, Sendable {
    package let training: UInt64
    package let validation: UInt64

    init(training: [Block], validation: [Block]) {
        self.training = Self.hash(training)
        self.validation = Self.hash(validation)
    }

    /// FNV-1a over tokens, segment ends and marks; it tells accidents apart, not attacks.
    private static func hash(_ blocks: [Block]) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ value: UInt64) { hash = (hash ^ value) &* 0x100_0000_01B3 }
        for block in blocks {
            add(UInt64(block.tokens.count))
            for segment in block.segments { add(UInt64(segment.upperBound)) }
            for (token, trained) in zip(block.tokens, block.trained) {
                add(UInt64(UInt32(bitPattern: token)) << 1 | (trained ? 1 : 0))
            }
        }
        return hash
    }
}

extension LoRAParameters {
    /// The same numbers in memory of their own.
    func copied() -> LoRAParameters {
        let copy = LoRAParameters(layout: layout)
        copy.values.copy(from: values)
        return copy
    }
}
