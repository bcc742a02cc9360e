// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor
import AttuneTokenizer

/// What `attune base show` says about a base model.
package struct BaseModelSummary: Codable, Sendable, Equatable {
    /// How much of the file is stored in one type.
    package struct Stored: Codable, Sendable, Equatable {
        /// The name people know, such as `Q4_1`.
        package let type: String
        package let tensors: Int
        package let bytes: Int
    }

    package let name: String
    package let files: [String]
    package let bytes: Int
    package let parameters: Int
    package let shape: BaseShape
    package let contextLength: Int
    package let isTied: Bool
    package let ropeBase: Double
    /// `none`, `linear`, `yarn`, with ` + rope_freqs` where the file has that tensor.
    package let ropeScaling: String
    /// Largest first.
    package let stored: [Stored]
    package let tokenizer: String
    package let hasChatTemplate: Bool
    /// `general.license`, where the file names one.
    package let license: String?
}

extension BaseModel {
    /// The facts of the model for people and for `--json`.
    package var summary: BaseModelSummary {
        let definition = tokenizerDefinition
        return BaseModelSummary(
            name: configuration.name, files: file.paths, bytes: file.totalBytes, parameters: parameterCount,
            shape: shape, contextLength: configuration.contextLength, isTied: isTied,
            ropeBase: configuration.ropeBase, ropeScaling: ropeScalingName, stored: storedTypes,
            tokenizer: definition.pre.map { "\(definition.model) (\($0))" } ?? definition.model,
            hasChatTemplate: definition.chatTemplate != nil, license: file.metadata["general.license"]?.string)
    }

    private var ropeScalingName: String {
        let name =
            switch configuration.ropeScaling {
            case .none: "none"
            case .linear(let factor): "linear, factor \(factor)"
            case .yarn(let yarn): "yarn, factor \(yarn.factor)"
            }
        return file.tensor("rope_freqs.weight") == nil ? name : name + " + rope_freqs"
    }

    private var storedTypes: [BaseModelSummary.Stored] {
        Dictionary(grouping: file.tensors, by: \.type)
            .map { type, tensors in
                BaseModelSummary.Stored(
                    type: type.name, tensors: tensors.count, bytes: tensors.reduce(0) { $0 + $1.byteCount })
            }
            .sorted { ($0.bytes, $0.type) > ($1.bytes, $1.type) }
    }
}
