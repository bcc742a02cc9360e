// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

/// What a run will occupy, in bytes, known before it starts.
package struct MemoryPlan: Codable, Hashable, Sendable {
    /// The mapped file of the base.
    package let weights: Int
    /// Parameters, gradients, the version that is kept and two moments: 20 bytes for each of P, or 14 where the moments
    /// have 8 bits.
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

    package var total: Int { weights + adapter + activations + head + panels + overhead }
    package var fits: Bool { total <= available }

    /// The plan of a run whose longest block has `longest` tokens.
    package init(
        model: BaseModel, configuration: TrainingConfiguration, longest: Int, limits: MemoryLimits,
        threads: Int = Kernels.threads
    ) {
        self.init(
            model: model, layout: LoRALayout(shape: model.shape, configuration: configuration.lora),
            configuration: configuration, longest: longest, limits: limits, threads: threads)
    }

    /// The plan for a layout that the configuration alone does not give, such as that of an imported adapter.
    ///
    /// - Parameter others: adapters that are trained in the same passes.
    package init(
        model: BaseModel, layout: LoRALayout, configuration: TrainingConfiguration, longest: Int,
        others: [(layout: LoRALayout, configuration: TrainingConfiguration)] = [], limits: MemoryLimits,
        threads: Int = Kernels.threads
    ) {
        let shape = model.shape
        let tokens = configuration.passBlocks * max(1, min(longest, configuration.maxLength))
        let chunk = min(Self.chunk(vocabulary: model.head.rows), tokens)
        weights = model.file.totalBytes
        adapter = ([(layout: layout, configuration: configuration)] + others).reduce(0) {
            $0 + 12 * $1.layout.count + Moments.bytes(layout: $1.layout, optimizer: $1.configuration.optimizer)
        }
        activations = TrainingPass<Float>.bytes(
            model: model, layouts: [layout] + others.map(\.layout),
            settings: configuration.passSettings(longest: max(1, min(longest, configuration.maxLength))))
        head = ChunkedCrossEntropy<Float>.bytes(
            vocabulary: model.head.rows, width: shape.width, maxTokens: tokens, chunk: chunk)
        panels = Self.panels(
            shape: shape, logits: chunk * model.head.rows, tokens: tokens, precision: configuration.precision,
            threads: threads)
        overhead = 80 << 20
        available = limits.available
    }

    /// The plan of a trainer as it is.
    package init(model: BaseModel, trainer: Trainer, limits: MemoryLimits) {
        let tracks = trainer.tracks.sorted { $0.passTokens > $1.passTokens }
        self.init(
            model: model, layout: tracks[0].layout, configuration: tracks[0].configuration,
            longest: tracks[0].longest, others: tracks.dropFirst().map { ($0.layout, $0.configuration) },
            limits: limits)
    }

    /// What the kernels keep for themselves: rounded copies of the largest operand or heads laid out for attention,
    /// whichever is larger, with a quarter to grow; unpacked panels of weights; rows of each thread.
    private static func panels(
        shape: BaseShape, logits: Int, tokens: Int, precision: Precision, threads: Int
    ) -> Int {
        let widest = max(shape.feedForward, shape.width, shape.heads * shape.headDimension)
        let copied = max(tokens * widest, logits)
        let rounded: Int =
            switch precision {
            case .float32: 0
            // The kernels for bfloat16 hold two bytes for a number, all others round in place of float32.
            case .bfloat16: copied * (Kernels.level == "avx512bf16" ? 2 : 4)
            }
        let attention = 4 * tokens * shape.headDimension * (3 * shape.keyValueHeads + 2 * shape.heads)
        return max(rounded, attention) * 5 / 4 + (8 << 20) + threads * 64 * max(widest, 4096) * 4
    }

    /// C for a vocabulary: as many positions as make logits of 96 MiB, between 16 and 512.
    package static func chunk(vocabulary: Int) -> Int {
        min(512, max(16, (96 << 20) / (4 * max(1, vocabulary)) / 16 * 16))
    }

    /// The parts with their names, for the fit line.
    package var parts: [(name: String, bytes: Int)] {
        [
            ("base", weights), ("adapter and optimiser", adapter), ("activations", activations), ("head", head),
            ("panels", panels), ("program", overhead),
        ]
    }
}
