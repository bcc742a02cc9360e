// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTraining

/// What a person asked to be trained.
package struct TrainingRequest: Sendable {
    /// One adapter and what it learns from.
    package struct Adapter: Sendable {
        package var name: String
        /// Files and folders.
        package var paths: [String]
        /// A version to go on from, such as `notes@3`.
        package var from: String?

        package init(name: String, paths: [String], from: String? = nil) {
            self.name = name
            self.paths = paths
            self.from = from
        }
    }

    /// At least one, all with names of their own; several are trained in the same passes.
    package var adapters: [Adapter]
    /// Name of the base; nil takes the default one, or that of the first `from`.
    package var base: String?
    package var layers: LayerSelection?
    /// What is asked of every adapter.
    package var wishes: AutoSettings.Wishes
    package var skipBad = false
    /// Bytes that may be used, where less than what is free.
    package var memoryLimit: Int?
    /// Most bytes on disk for the hidden states below the adapted layers; nil chooses, 0 keeps none.
    package var trunkCache: Int?

    package init(adapters: [Adapter], wishes: AutoSettings.Wishes = AutoSettings.Wishes()) {
        precondition(!adapters.isEmpty && Set(adapters.map(\.name)).count == adapters.count)
        self.adapters = adapters
        self.wishes = wishes
    }
}
