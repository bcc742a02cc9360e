// Attune
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation

/// How much of a base may lie in memory at once, as a plan says; `LayerResidency` does it.
package struct MemoryUse: Hashable, Sendable {
    /// Most bytes of layers and head; nil if all of them stay.
    package let weights: Int?
    /// Whether weights that are dropped leave the system's memory too.
    package let dropsCache: Bool

    /// - Parameter free: bytes that the system has, whatever a person allows.
    package init(weights: Int?, of model: BaseModel, free: Int) {
        self.weights = weights
        // The system's cache would keep what was used last and drop what is needed next.
        dropsCache = model.file.totalBytes > free
    }
}

/// Holds the weights that lie in this process's memory below a limit, so that a base larger than memory can be used.
///
/// A pass says which layer it uses and how it walks. That layer is waited for, the next one is read meanwhile on a
/// thread of its own, and what is used again last is dropped: the layers that a pass turns around at stay, and of those
/// that are walked through in circles as many stay as fit. The head counts as the layer above the last.
/// Weights are only mapped and unmapped, so results do not depend on the limit. Without a limit nothing is done.
package final class LayerResidency: @unchecked Sendable {  // state is guarded by `condition`
    /// How a pass goes on after the layer that it uses now.
    package enum Walk: Sendable {
        /// From the first to the head, again and again, as decoding does.
        case cycle
        /// To the head, and then down again, as a forward pass does before its backward pass.
        case up
        /// To this layer, and then up from the first, as a backward pass does before the next forward pass.
        case down(to: Int)
    }

    /// Bytes of each layer, the head last.
    package let sizes: [Int]
    /// Bytes of the embedding where the head is another matrix, else 0; only rows of it are ever read.
    package let embedding: Int
    private let file: GGUFFile
    private let items: [[GGUFFile.FileRange]]
    private let embeddingRanges: [GGUFFile.FileRange]
    private let reader = DispatchQueue(label: "attune.layers", qos: .userInitiated)
    private let condition = NSCondition()
    private var capacity: Int?
    private var dropsCache = false
    /// In memory, or on its way there; nil while it is not.
    private var held: [Holding?]
    private var loads = 0

    private struct Holding {
        /// Tells a load from one before it that was cancelled.
        let load: Int
        var isReady = false
    }

    init(file: GGUFFile, layers: Int) {
        let names = file.tensorNames
        let isTied = file.tensor("output.weight") == nil
        var byLayer = [[String]](repeating: [], count: layers)
        for name in names where name.hasPrefix("blk.") {
            if let layer = Int(name.dropFirst(4).prefix { $0 != "." }), layer < layers { byLayer[layer].append(name) }
        }
        items = (byLayer + [[isTied ? "token_embd.weight" : "output.weight"]]).map(file.ranges)
        embeddingRanges = isTied ? [] : file.ranges(of: ["token_embd.weight"])
        sizes = items.map { $0.reduce(0) { $0 + $1.bytes.count } }
        embedding = embeddingRanges.reduce(0) { $0 + $1.bytes.count }
        held = Array(repeating: nil, count: items.count)
        self.file = file
    }

    /// The index of the head among the layers.
    package var head: Int { items.count - 1 }
    /// Bytes of all layers and the head.
    package var total: Int { sizes.reduce(0, +) }
    /// The least limit: the largest layer, or the head.
    package var minimum: Int { sizes.max() ?? 0 }
    /// The least limit with which reading and computing go on together: the largest two that follow each other.
    package var comfortable: Int { zip(sizes, sizes.dropFirst()).map { $0 + $1 }.max() ?? minimum }
    /// Bytes that may be held, or nil if nothing is limited.
    package var limit: Int? { condition.withLock { capacity } }
    /// Bytes that are held or being read.
    package var resident: Int { condition.withLock { residentBytes } }

    /// Limits the weights in memory to `bytes`, no less than `minimum`; nil gives them back to the kernel.
    ///
    /// - Parameter dropsCache: what is dropped leaves the system's memory too, for files that do not fit there: the
    ///   kernel would drop the layer that is needed next.
    package func limit(to bytes: Int?, dropsCache: Bool = false) {
        condition.withLock {
            capacity = bytes.map { max($0, minimum) }
            self.dropsCache = dropsCache
            held = Array(repeating: nil, count: items.count)
            let all = bytes == nil ? [] : items.flatMap { $0 } + embeddingRanges
            reader.async { [file] in
                file.expectRandomAccess(bytes != nil)
                for range in all { file.drop(range, fromCache: false) }
            }
        }
    }

    /// Limits the weights in memory as a plan says.
    package func limit(to use: MemoryUse) { limit(to: use.weights, dropsCache: use.dropsCache) }

    /// Waits until `layer` is in memory, and has the one after it read meanwhile.
    package func use(_ layer: Int, _ walk: Walk) {
        condition.withLock {
            guard let capacity else { return }
            hold(layer, beside: nil, walk, capacity)
            let next = walk.next(after: layer, head: head)
            if next != layer, sizes[layer] + sizes[next] <= capacity { hold(next, beside: layer, walk, capacity) }
            while let holding = held[layer], !holding.isReady { condition.wait() }
        }
    }

    /// Drops what rows of the embedding were read through; to be called after rows were taken.
    package func releaseEmbedding() {
        condition.withLock {
            guard capacity != nil else { return }
            drop(embeddingRanges.isEmpty && held[head] == nil ? items[head] : embeddingRanges)
        }
    }

    /// Reads `layer` unless it is there, dropping others to make room; `user` is in use and stays. Under the lock.
    private func hold(_ layer: Int, beside user: Int?, _ walk: Walk, _ capacity: Int) {
        guard held[layer] == nil else { return }
        let place = user ?? layer
        let others = held.indices.filter { held[$0] != nil && $0 != user }
        var used = residentBytes + sizes[layer]
        for other in others.sorted(by: {
            walk.distance(from: place, to: $0, head: head) > walk.distance(from: place, to: $1, head: head)
        }) where used > capacity {
            held[other] = nil
            used -= sizes[other]
            drop(items[other])
        }
        loads += 1
        let load = loads
        held[layer] = Holding(load: load)
        reader.async { [self] in
            for range in items[layer] { file.load(range) }
            condition.withLock {
                if held[layer]?.load == load { held[layer]?.isReady = true }
                condition.broadcast()
            }
        }
    }

    private func drop(_ ranges: [GGUFFile.FileRange]) {
        reader.async { [file, dropsCache] in
            for range in ranges { file.drop(range, fromCache: dropsCache) }
        }
    }

    private var residentBytes: Int { held.indices.reduce(0) { held[$1] == nil ? $0 : $0 + sizes[$1] } }
}

extension LayerResidency.Walk {
    /// The layer that is used after `layer`.
    func next(after layer: Int, head: Int) -> Int {
        switch self {
        case .cycle: layer == head ? 0 : layer + 1
        case .up: layer == head ? max(0, head - 1) : layer + 1
        case .down(let lowest): layer > lowest ? layer - 1 : 0
        }
    }

    /// How many layers are used before `other` is, counted from `layer`.
    func distance(from layer: Int, to other: Int, head: Int) -> Int {
        switch self {
        case .cycle: other > layer ? other - layer : other - layer + head + 1
        case .up: other > layer ? other - layer : 2 * head - layer - other
        case .down(let lowest):
            other < layer && other >= lowest ? layer - other : layer - lowest + 1 + other
        }
    }
}
