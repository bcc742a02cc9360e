// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The closed form that the peers' LoRA vectors start from: element i of parameter j is amp·sin(i·0.1234567·k + j).
package enum PeerInitialization {
    private struct Missing: Error, CustomStringConvertible {
        let text: String
        var description: String { "no factor of 0.1234567 in \(text.debugDescription)" }
    }

    private struct File: Decodable {
        let `init`: String
    }

    /// k, which the field `init` of `lora_gradients.json` spells as `0.1234567*k`.
    package static func factor() throws -> Double {
        let file = TestBase.vectors.appending(path: "lora_gradients.json")
        let text = try JSONDecoder().decode(File.self, from: Data(contentsOf: file)).`init`
        guard let start = text.range(of: "0.1234567*")?.upperBound,
            let factor = Double(text[start...].prefix { $0.isNumber || $0 == "." })
        else { throw Missing(text: text) }
        return factor
    }

    /// Element `index` of parameter `parameter`.
    package static func value(amplitude: Double, index: Double, factor: Double, parameter: Int) -> Float {
        Float(amplitude * sin(index * 0.1234567 * factor + Double(parameter)))
    }
}
