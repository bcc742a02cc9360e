// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// An adapter as it acts while decoding: y += scale·s·B(Ax), beside the base and any other adapters.
///
/// Making one converts the adapter's numbers; to keep it, or `scaled` copies of it, makes switching cheap.
package struct AppliedAdapter: Sendable {
    package let adapter: Adapter
    /// Strength on top of the adapter's own scales; 0 switches it off, 1 is as trained.
    package private(set) var scale: Float
    let packed: PackedAdapter

    package init(_ adapter: Adapter, scale: Float = 1) {
        self.adapter = adapter
        self.scale = scale
        packed = PackedAdapter(adapter)
    }

    /// The same adapter with another strength.
    package func scaled(_ scale: Float) -> AppliedAdapter {
        var copy = self
        copy.scale = scale
        return copy
    }
}

/// An adapter's factors in the form that decoding in int8 reads, made once so that switching to it moves no numbers.
final class PackedAdapter: Sendable {
    /// For each layer and each group of it; nil if nothing is adapted, and where inputs are not whole blocks of 32,
    /// which no weight in int8 has.
    private let groups: [LowRankFactors?]

    init(_ adapter: Adapter) {
        let shape = adapter.base.shape
        let layout = adapter.layout
        let all = (0..<shape.layers).flatMap { layer in
            ProjectionGroup.allCases.map { group in
                group.modules.map { layout[LoRASite(layer: layer, module: $0)] }
            }
        }
        func sizes(_ index: Int) -> (inputs: Int, outputs: [Int]) {
            let modules = ProjectionGroup.allCases[index % ProjectionGroup.allCases.count].modules
            return (shape.inputs(of: modules[0]), modules.map(shape.outputs))
        }
        let counts = all.enumerated().map { index, entries in
            sizes(index).inputs % 32 > 0
                ? 0
                : LowRankFactors.byteCount(
                    inputs: sizes(index).inputs, outputs: sizes(index).outputs, ranks: entries.map { $0?.rank ?? 0 })
        }
        // Whole large pages: the factors are read in pieces, and small pages cost a percent of decoding.
        let page = Storage<UInt8>.hugePage
        var bytes: Int = counts.reduce(0, +)
        if bytes > page / 2 { bytes = (bytes + page - 1) / page * page }
        let storage = Storage<UInt8>(count: bytes)
        var offset = 0
        groups = all.enumerated().map { index, entries in
            guard counts[index] > 0 else { return nil }
            defer { offset += counts[index] }
            let parts = entries.map { entry in
                entry.map { (adapter.parameters.a($0), adapter.parameters.b($0), $0.scale) }
            }
            return LowRankFactors(
                inputs: sizes(index).inputs, outputs: sizes(index).outputs, parts: parts, in: storage, at: offset)
        }
    }

    func factors(_ group: ProjectionGroup, layer: Int) -> LowRankFactors? {
        let index = group.index(layer: layer)
        return index < groups.count ? groups[index] : nil
    }
}
