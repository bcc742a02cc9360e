// Attune
// SPDX-License-Identifier: Apache-2.0

/// One place where an adapter acts: a module of a layer.
package struct LoRASite: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let layer: Int
    package let module: TargetModule

    package init(layer: Int, module: TargetModule) {
        self.layer = layer
        self.module = module
    }

    package var description: String { "layers.\(layer).\(module.projectionName)" }

    package static func < (left: LoRASite, right: LoRASite) -> Bool {
        (left.layer, left.module) < (right.layer, right.module)
    }
}
