// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

/// What a run will occupy, in bytes, known before it starts.
package struct MemoryPlan: Codable, Hashable, Sendable {
    /// The mapped file of the base, or as much of it as is in memory at once.
    package let weights: Int
    /// The limit for layers and head in memory at once; nil if all of them stay.
    package let residentWeights: Int?
    /// Parameters, gradients, the version that is kept and two moments: 20 bytes for each of P, or 14 where the moments
    /// have 8 bits. What is stored is made piece by piece.
    package let adapter: Int
    /// Of the layers: exactly what `TrainingPass` allocates.
    package let activations: Int
    /// Of the loss: exactly what `ChunkedCrossEntropy` allocates.
    package let head: Int
    /// Panels that the products unpack weights into, and rounded copies of activations.
    package let panels: Int
    /// Program, tokenizer and data.
    package let overhead: Int
    package let available: Int
    /// Bytes that the system has, whatever a person allows.
    package let free: Int

    package var total: Int { weights + adapter + activations + head + panels + overhead }
    package var fits: Bool { total <= available }

    /// The plan of a run whose longest block has `longest` tokens.
    ///
    /// - Parameters:
    ///   - layout: where the configuration alone does not give it, as for an imported adapter.
    ///   - adapters: how many are trained in the same passes, as far as `others` does not say more of them.
    ///   - others: the other adapters of the passes; nil: as this one.
    ///   - residentWeights: what `LayerResidency` is limited to; nil is no limit.
    package init(
        model: BaseModel, layout: LoRALayout? = nil, configuration: TrainingConfiguration, longest: Int,
        adapters: Int = 1, others: [(layout: LoRALayout, configuration: TrainingConfiguration)]? = nil,
        machine: Machine, residentWeights: Int? = nil
    ) {
        let layout = layout ?? LoRALayout(shape: model.shape, configuration: configuration.lora)
        let own = (layout: layout, configuration: configuration)
        let all = [own] + (others ?? Array(repeating: own, count: max(0, adapters - 1)))
        let shape = model.shape
        let tokens = configuration.passBlocks * max(1, min(longest, configuration.maxLength))
        let chunk = min(ChunkedCrossEntropy<Float>.chunk(vocabulary: model.head.rows), tokens)
        weights = min(model.file.totalBytes, residentWeights.map { $0 + Self.seams } ?? .max)
        self.residentWeights = residentWeights
        adapter = all.reduce(0) {
            $0 + 12 * $1.layout.count + Moments.bytes(layout: $1.layout, optimizer: $1.configuration.optimizer)
        }
        activations = TrainingPass<Float>.bytes(
            model: model, layouts: all.map(\.layout),
            settings: configuration.passSettings(longest: max(1, min(longest, configuration.maxLength))))
        head = ChunkedCrossEntropy<Float>.bytes(
            vocabulary: model.head.rows, width: shape.width, maxTokens: tokens, chunk: chunk,
            precision: configuration.precision)
        panels = Self.panels(
            shape: shape, logits: chunk * model.head.rows, tokens: tokens, precision: configuration.precision,
            machine: machine)
        overhead = 48 << 20
        available = machine.limits.available
        free = machine.limits.free
    }

    /// What the kernels keep for themselves: rounded copies of the largest operand or heads laid out for attention,
    /// whichever is larger, with a quarter to grow; unpacked panels of weights; rows of each thread.
    private static func panels(
        shape: BaseShape, logits: Int, tokens: Int, precision: Precision, machine: Machine
    ) -> Int {
        let widest = max(shape.feedForward, shape.width, shape.heads * shape.headDimension)
        // Two blocks of the vocabulary with their columns, beside the rows that go through them.
        let blocks = tokens * shape.width + 4 * 1024 * shape.width
        let copied = max(
            tokens * widest, ChunkedCrossEntropy<Float>.cutsVocabulary(precision) ? blocks : logits)
        let rounded: Int =
            switch precision {
            case .float32: 0
            // Where there are no products of its own, numbers are rounded in place of float32.
            case .bfloat16: copied * (machine.computesBFloat16 ? 2 : 4)
            }
        let attention = 4 * tokens * shape.headDimension * (3 * shape.keyValueHeads + 2 * shape.heads)
        return max(rounded, attention) * 5 / 4 + (8 << 20) + machine.threads * 64 * max(widest, 4096) * 4
    }

    /// Bytes beside the layers that are held: the kernel maps up to 2 MiB at once, at both ends of a layer and around
    /// rows of the embedding, and the header was read.
    private static let seams = 12 << 20

    /// What the plan asks of the base.
    package func use(of model: BaseModel) -> MemoryUse { MemoryUse(weights: residentWeights, of: model, free: free) }

    /// The parts with their names, for the fit line.
    package var parts: [(name: String, bytes: Int)] {
        [
            ("base", weights), ("adapter and optimiser", adapter), ("activations", activations), ("head", head),
            ("panels", panels), ("program", overhead),
        ]
    }
}
