// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneKit
import Foundation

/// A base as `--json` shows it.
struct BaseSummary: Encodable {
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

    init(_ base: BaseRecord) {
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

/// `attune base list --json`
struct BaseListing: Encodable {
    let schema = 1
    let bases: [BaseSummary]
}
