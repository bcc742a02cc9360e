// Attune
// SPDX-License-Identifier: Apache-2.0

/// Which layers of a base an adapter changes, as a person writes it.
package enum LayerSelection: Sendable, Equatable {
    case all
    /// The last so many.
    case last(Int)
    /// These, counted from 0.
    case some([Int])

    /// Reads `all`, `last:10`, `0-9`, `3,5,7-9`; nil for anything else.
    package init?(_ text: String) {
        if text == "all" {
            self = .all
            return
        }
        if text.hasPrefix("last:") {
            guard let count = Int(text.dropFirst(5)), count > 0 else { return nil }
            self = .last(count)
            return
        }
        var layers: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            switch ends.count {
            case 1:
                guard let only = ends[0], only >= 0 else { return nil }
                layers.insert(only)
            case 2:
                guard let first = ends[0], let last = ends[1], first >= 0, first <= last, last < 4096 else {
                    return nil
                }
                layers.formUnion(first...last)
            default: return nil
            }
        }
        self = .some(layers.sorted())
    }

    /// The layers of a base with `count` of them.
    ///
    /// - Throws: `KitError` `E-TRAIN-020` if a layer is not there.
    package func layers(of count: Int) throws -> [Int] {
        switch self {
        case .all: return Array(0..<count)
        case .last(let wanted):
            guard wanted <= count else { throw KitError.noSuchLayer(wanted, of: count) }
            return Array(count - wanted..<count)
        case .some(let layers):
            if let high = layers.last, high >= count { throw KitError.noSuchLayer(high, of: count) }
            return layers
        }
    }
}
