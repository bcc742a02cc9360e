// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel

extension Trainer {
    /// Bytes of each record that `keepTrunk` would write: the states of one block below the lowest adapted layer.
    ///
    /// Empty if no layer lies below it, or no block is used twice.
    package var trunkRecords: [Int] {
        guard pass.lowestAdaptedLayer > 0 else { return [] }
        let width = MemoryLayout<Float>.stride * model.shape.width
        return tracks.flatMap { track in
            track.repeatedBlocks.map { width * track.block(numbered: $0).tokens.count }
        }
    }

    /// Computes the layers below the lowest adapted one once for each block, and takes them from `store` after that.
    ///
    /// A store that fails costs time and nothing else: what it does not have is computed again.
    package func keepTrunk(in store: any TrunkStore) {
        pass.trunk = TrunkCache(
            store: store, blocks: tracks.last?.numbers.upperBound ?? 0, kept: tracks.flatMap(\.repeatedBlocks))
    }

    /// The lowest layer that an adapter changes.
    package var lowestAdaptedLayer: Int { pass.lowestAdaptedLayer }

    /// Why no more states are kept; nil while they are, or nobody asked for it.
    package var trunkFailure: String? { pass.trunk?.failure }
}

extension TrainingTrack {
    /// The numbers of the blocks that are used more than once: those of several epochs, and all that measure.
    fileprivate var repeatedBlocks: Range<Int> {
        configuration.totalBlocks(training.count) > training.count
            ? numbers : numbers.lowerBound + training.count..<numbers.upperBound
    }

    fileprivate func block(numbered number: Int) -> Block {
        let index = number - numbers.lowerBound
        return index < training.count ? training[index] : validation[index - training.count]
    }
}
