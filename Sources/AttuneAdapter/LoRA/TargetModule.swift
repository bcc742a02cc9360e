// Attune
// SPDX-License-Identifier: Apache-2.0

/// A linear layer of a block that an adapter can change; raw values are the names inside GGUF files.
package enum TargetModule: String, Codable, Sendable, CaseIterable, Comparable {
    case query = "attn_q"
    case key = "attn_k"
    case value = "attn_v"
    case output = "attn_output"
    case gate = "ffn_gate"
    case up = "ffn_up"
    case down = "ffn_down"

    /// The name PEFT and most people use, such as `q_proj`.
    package var projectionName: String {
        switch self {
        case .query: "q_proj"
        case .key: "k_proj"
        case .value: "v_proj"
        case .output: "o_proj"
        case .gate: "gate_proj"
        case .up: "up_proj"
        case .down: "down_proj"
        }
    }

    /// The part of the path of a Hugging Face module between the layer number and the name.
    package var parentName: String {
        switch self {
        case .query, .key, .value, .output: "self_attn"
        case .gate, .up, .down: "mlp"
        }
    }

    /// Finds a module by its projection name or its GGUF name.
    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.projectionName == name || $0.rawValue == name }) else {
            return nil
        }
        self = found
    }

    private var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (left: TargetModule, right: TargetModule) -> Bool { left.order < right.order }
}

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
