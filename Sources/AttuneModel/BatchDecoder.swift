// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// Evaluates tokens of several sequences together: one pass over the base's weights serves all of them.
///
/// Each sequence has its own keys, values and position, and its own adapters or none. One decoder serves one thread at
/// a time.
package final class BatchDecoder {
    private struct Sequence {
        let adapters: [AppliedAdapter]
        let blocks: [DecoderBlock]
        var cache: KVCache
        var tokens: [Int32] = []
    }

    /// New tokens of one sequence.
    package struct Input: Sendable {
        package let sequence: Int
        package let ids: [Int32]

        package init(sequence: Int, ids: [Int32]) {
            self.sequence = sequence
            self.ids = ids
        }
    }

    package let model: BaseModel
    /// The most tokens of each sequence.
    package let contextLength: Int
    private let precision: Precision
    private let cacheType: CacheType
    private let table: RotaryTable<Float>
    private var scratch: DecoderScratch
    private var logits: Matrix<Float>
    private var sequences: [Int: Sequence] = [:]
    private var next = 0
}
