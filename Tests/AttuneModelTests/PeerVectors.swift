// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import Foundation

/// The vectors that `transformers` and PEFT computed on the real base.
enum PeerVectors {
    struct Logits: Decodable {
        struct Case: Decodable {
            let prompt: String
            let ids: [Int32]
            let lastTop20: [[Double]]
            let greedy24: [Int32]
        }
        let cases: [Case]
    }

    struct AdapterLogits: Decodable {
        let promptIds: [Int32]
        let lastTop20: [[Double]]
    }

    struct Gradients: Decodable {
        struct Tensor: Decodable {
            let shape: [Int]
            let l2: Double
            let first4: [Double]
            let sum: Double
        }
        let ids: [Int32]
        let rank: Int
        let alpha: Float
        let baseLoss: Double
        let adapterLoss: Double
        let gradients: [String: Tensor]
    }

    struct Training: Decodable { let loss: [Double] }

    static func read<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(contentsOf: TestBase.vectors.appending(path: name)))
    }

    /// Names of the gradients in the order of the file, which decoding loses and the initialisation needs.
    static func gradientNames() throws -> [String] {
        let text = try String(contentsOf: TestBase.vectors.appending(path: "lora_gradients.json"), encoding: .utf8)
        return text.matches(of: #/"(model\.layers\.[^"]+)":/#).map { String($0.1) }
    }

    /// One tensor of the vectors: its place in the layout, in the file's row order of the base.
    struct Site {
        let entry: LoRALayout.Entry
        let isB: Bool
        /// Heads whose rows are in another order at Hugging Face; nil where the order is the same.
        let heads: Int?

        init?(_ name: String, _ layout: LoRALayout, _ shape: BaseShape) {
            let parts = name.split(separator: ".")
            guard parts.count == 7, let layer = Int(parts[2]), let module = TargetModule(name: String(parts[4])),
                let entry = layout[LoRASite(layer: layer, module: module)]
            else { return nil }
            self.entry = entry
            isB = parts[5] == "lora_B"
            switch (isB, module) {
            case (true, .query): heads = shape.heads
            case (true, .key): heads = shape.keyValueHeads
            default: heads = nil
            }
        }

        func matrix<Element: PassNumber>(_ parameters: LoRAParameters<Element>) -> Matrix<Element> {
            isB ? parameters.b(entry) : parameters.a(entry)
        }

        /// Row of the base's file for each row at Hugging Face: halves (i, i + hd/2) become pairs (2i, 2i + 1).
        func rows(count: Int) -> [Int] {
            guard let heads else { return Array(0..<count) }
            let width = count / heads
            return (0..<count).map { row in
                let (head, inside) = (row / width, row % width)
                return head * width + (inside < width / 2 ? 2 * inside : 2 * (inside - width / 2) + 1)
            }
        }
    }

    /// amp·sin(i·0.1234567·k + j) with k as the vectors say, j the tensor's index and i row-major at Hugging Face.
    static func parameters(_ layout: LoRALayout, _ shape: BaseShape, zeroB: Bool) throws -> LoRAParameters<Float> {
        let parameters = LoRAParameters<Float>(layout: layout)
        let factor = try PeerInitialization.factor()
        for (index, name) in try gradientNames().enumerated() {
            guard let site = Site(name, layout, shape) else { continue }
            if site.isB && zeroB { continue }
            let matrix = site.matrix(parameters)
            let amplitude = site.isB ? 0.01 : 0.02
            for (row, target) in site.rows(count: matrix.rows).enumerated() {
                for column in 0..<matrix.columns {
                    let i = Double(row * matrix.columns + column)
                    matrix.pointer[target * matrix.columns + column] = PeerInitialization.value(
                        amplitude: amplitude, index: i, factor: factor, parameter: index)
                }
            }
        }
        return parameters
    }

    static func layout(_ shape: BaseShape, rank: Int, alpha: Float) -> LoRALayout {
        LoRALayout(
            shape: shape,
            configuration: LoRAConfiguration(rank: rank, alpha: alpha, layers: Array(0..<shape.layers)))
    }
}
