// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The copy of a base's weights that decoding in int8 reads, in one run of memory and in the order of their use.
package final class RepackedWeights: Sendable {
    /// For each layer and each group of it the weights of the group; nil if one of them has no such form.
    private let groups: [[RepackedMatrix]?]
    /// [V, D]; nil if it has no such form.
    package let head: RepackedMatrix?

    /// Bytes of the copy.
    package static func byteCount(_ model: BaseModel) -> Int {
        weights(model).reduce(0) { $0 + byteCount($1) }
    }

    init(_ model: BaseModel) {
        let all = Self.weights(model)
        let storage = Storage<UInt8>(count: all.reduce(0) { $0 + Self.byteCount($1) })
        var offset = 0
        var copies: [[RepackedMatrix]?] = all.map { group in
            guard Self.byteCount(group) > 0 else { return nil }
            return group.map { weight in
                defer { offset += RepackedMatrix.byteCount(weight) }
                return RepackedMatrix(weight, in: storage, at: offset)
            }
        }
        head = copies.removeLast()?.first
        groups = copies
    }

    /// The weights of a group, in the order of its modules.
    package func weights(_ group: ProjectionGroup, layer: Int) -> [RepackedMatrix]? {
        groups[group.index(layer: layer)]
    }

    /// All groups, and the head.
    private static func weights(_ model: BaseModel) -> [[WeightMatrix]] {
        model.layers.flatMap { layer in ProjectionGroup.allCases.map { group in group.modules.map { layer[$0] } } }
            + [[model.head]]
    }

    /// 0 if a weight of the group has no such form.
    private static func byteCount(_ group: [WeightMatrix]) -> Int {
        let bytes = group.map(RepackedMatrix.byteCount)
        return bytes.contains(0) ? 0 : bytes.reduce(0, +)
    }
}

/// The linear layers of a block that read the same input, in the order in which decoding runs them.
package enum ProjectionGroup: Int, CaseIterable, Sendable {
    case attention, output, feedForward, down

    package var modules: [TargetModule] {
        switch self {
        case .attention: [.query, .key, .value]
        case .output: [.output]
        case .feedForward: [.gate, .up]
        case .down: [.down]
        }
    }

    /// Where the group of a layer stands in a list over all layers.
    func index(layer: Int) -> Int { layer * Self.allCases.count + rawValue }
}
