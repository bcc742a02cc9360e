// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// A text that is being decoded: its tokens, their keys and values, and the adapters that act on it.
struct DecoderSequence {
    var adapters: PreparedAdapters
    private var cache: KVCache
    /// What the cache holds.
    private(set) var tokens: [Int32] = []

    init(adapters: PreparedAdapters, cache: KVCache) {
        self.adapters = adapters
        self.cache = cache
    }

    /// Passes where `ids` can be appended after the first `held` tokens, all unless given.
    ///
    /// - Throws: `ModelError` `E-DECODE-001` to `E-DECODE-003`.
    func check(_ ids: [Int32], after held: Int? = nil, model: BaseModel) throws {
        let held = held ?? tokens.count
        guard !ids.isEmpty else { throw ModelError.nothingToEvaluate }
        guard ids.count <= cache.limit - held else {
            throw ModelError.contextExceeded(needed: held + ids.count, limit: cache.limit)
        }
        if let id = ids.first(where: { $0 < 0 || $0 >= model.shape.vocabulary }) {
            throw ModelError.tokenOutsideVocabulary(id, vocabulary: model.shape.vocabulary)
        }
    }

    /// Makes room for `ids` and notes them; their keys and values are stored when the blocks run.
    mutating func append(_ ids: ArraySlice<Int32>) -> DecoderSpan {
        let positions = tokens.count..<tokens.count + ids.count
        cache.reserve(positions.upperBound, keeping: tokens.count)
        tokens += ids
        return DecoderSpan(cache: cache, positions: positions, adapters: adapters)
    }

    /// Forgets all tokens from position `count` on.
    mutating func truncate(to count: Int) {
        guard count < tokens.count else { return }
        tokens.removeLast(tokens.count - max(0, count))
    }
}
