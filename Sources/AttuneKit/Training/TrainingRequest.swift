// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
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

    /// Asks for a setting of every adapter by the name of its option, such as `max-len`; nil leaves it to be chosen.
    ///
    /// - Returns: false for a word that is no value of the setting.
    @discardableResult
    package mutating func set(_ option: String, to value: (any Sendable)?) -> Bool { wishes.ask(option, for: value) }

    /// The layers of a block that can be adapted, such as `q_proj`.
    package static var moduleNames: [String] { TargetModule.allCases.map(\.projectionName) }

    /// Asks for these layers of each block to be adapted.
    ///
    /// - Returns: the first name that is none; nil if all are.
    package mutating func adapt(modules names: [String]) -> String? {
        let modules = names.map { TargetModule(name: $0) }
        if let unknown = zip(names, modules).first(where: { $0.1 == nil }) { return unknown.0 }
        wishes.modules = modules.compactMap { $0 }
        return nil
    }
}
