// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter

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
