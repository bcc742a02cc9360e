// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTraining

/// What a person asked to be trained.
package struct TrainingRequest: Sendable {
    /// Files and folders.
    package var paths: [String]
    /// The adapter's name.
    package var name: String
    /// Name of the base; nil takes the default one, or that of `from`.
    package var base: String?
    /// A version to go on from, such as `notes@3`.
    package var from: String?
    package var layers: LayerSelection?
    package var wishes: AutoSettings.Wishes
    package var skipBad = false
    /// Bytes that may be used, where less than what is free.
    package var memoryLimit: Int?

    package init(paths: [String], name: String, wishes: AutoSettings.Wishes = AutoSettings.Wishes()) {
        self.paths = paths
        self.name = name
        self.wishes = wishes
    }
}
