// Attune
// SPDX-License-Identifier: Apache-2.0

/// What an imported PEFT folder said beyond what Attune uses, so that an export gives the same file back.
package struct PEFTExtras: Codable, Hashable, Sendable {
    /// All of `adapter_config.json`, on one line, numbers and unknown fields as they were written.
    package let configuration: String
    /// What stood before `layers.N` in the names of the tensors, such as `base_model.model.model.`.
    package let prefix: String

    package init(configuration: String, prefix: String) {
        self.configuration = configuration
        self.prefix = prefix
    }

    static let usualPrefix = "base_model.model.model."
    static let prefixes = [usualPrefix, "base_model.model."]
}
