// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import Foundation

/// What is written down about a base model when it is added.
package struct BaseRecord: Codable, Sendable {
    package let name: String
    /// BLAKE2b-256 of the file; of the files one after the other where the model is split.
    package let id: BaseID
    package let bytes: UInt64
    /// Absolute paths, the first part first.
    package let files: [String]
    /// Whether the files lie where the person keeps them, and were not copied.
    package let linked: Bool
    package let added: Date
    package let shape: BaseShape
    package let quantization: String
    package let parameters: Int
    package let contextLength: Int

    /// What an adapter remembers of this base.
    package var identity: BaseIdentity { BaseIdentity(id: id, name: name, shape: shape) }

    /// The file that is opened; a split model finds its other parts by name.
    package var path: String { files.first ?? "" }
}

extension BaseRecord {
    /// What a person reads of it, each with its label.
    package var facts: [(label: String, value: String)] {
        [
            ("name", name), ("id", id.description), ("architecture", shape.architecture),
            ("quantisation", quantization), ("parameters", Quantity.text(count: parameters)),
            ("layers", "\(shape.layers)"), ("width", "\(shape.width), feed-forward \(shape.feedForward)"),
            ("heads", "\(shape.heads), key-value heads \(shape.keyValueHeads), \(shape.headDimension) wide"),
            ("vocabulary", Quantity.text(count: shape.vocabulary)), ("context", "\(contextLength) tokens"),
            ("size", Quantity.text(bytes: bytes)), ("files", files.joined(separator: ", ")),
        ]
    }
}

/// A base as scripts read it.
package struct BaseSummary: Sendable, Encodable {
    let schema = 1
    let name: String
    let id: String
    let architecture: String
    let quantization: String
    let bytes: UInt64
    let parameters: Int
    let layers: Int
    let width: Int
    let context: Int
    let files: [String]
    let linked: Bool
    let added: Date

    package init(_ base: BaseRecord) {
        name = base.name
        id = base.id.description
        architecture = base.shape.architecture
        quantization = base.quantization
        bytes = base.bytes
        parameters = base.parameters
        layers = base.shape.layers
        width = base.shape.width
        context = base.contextLength
        files = base.files
        linked = base.linked
        added = base.added
    }
}

/// The identity of a base: BLAKE2b-256 of its file, or of all parts of a split one, first part first.
enum BaseDigest {
    static func hash(files: [String]) throws -> BaseID {
        var state = BLAKE2b.Incremental()
        for path in files { try MappedFile(path: path).withBytes { state.update($0) } }
        return BaseID(state.finish())
    }
}
