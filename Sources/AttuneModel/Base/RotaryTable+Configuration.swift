// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

extension RotaryTable {
    /// The table of a model for positions 0..<`positions`.
    init(configuration: ModelConfiguration, positions: Int) {
        self.init(
            frequencies: configuration.ropeFrequencies, magnitude: configuration.ropeMagnitude, positions: positions,
            rotaryDimension: configuration.ropeDimension, adjacentPairs: configuration.adjacentPairs)
    }
}
