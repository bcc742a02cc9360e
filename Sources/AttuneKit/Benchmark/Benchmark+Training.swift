// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneModel
import AttuneTensor
import AttuneTraining

extension Benchmark {
    /// What is trained: blocks of random tokens, all of which count.
    package struct TrainingWork: Sendable {
        package var batch: Int
        package var maxLength: Int
        package var rank: Int
        package var precision: Precision
        /// Bytes that the plan may use; nil is what the machine has.
        package var memoryLimit: Int?
        /// Adapters that are trained side by side, each on blocks of its own.
        package var adapters: Int

        package init(
            batch: Int = 4, maxLength: Int = 512, rank: Int = 16, precision: Precision = .bfloat16,
            memoryLimit: Int? = nil, adapters: Int = 1
        ) {
            self.batch = batch
            self.maxLength = maxLength
            self.rank = rank
            self.precision = precision
            self.memoryLimit = memoryLimit
            self.adapters = adapters
        }
    }

    /// Tokens per second of whole training steps, the optimiser's update among them; all linear layers are adapted, and
    /// what the memory is used for is chosen as for any run.
    ///
    /// - Throws: `TrainingError` for settings that cannot be, or that do not fit into memory.
    package func train(_ work: TrainingWork) throws -> BenchmarkReport {
        var wishes = AutoSettings.Wishes()
        wishes.rank = work.rank
        wishes.batch = work.batch
        wishes.maxLength = work.maxLength
        wishes.precision = work.precision
        wishes.epochs = 1
        wishes.learningRate = 1e-4
        wishes.validationFraction = 0
        let count = (rounds + 1) * max(1, min(work.batch, 4096))
        let machine = Machine.current().limited(to: work.memoryLimit)
        let settings = try AutoSettings.choose(
            model: model,
            data: AutoSettings.DataSize(
                examples: count, tokens: count * work.maxLength, targets: count * max(1, work.maxLength - 1),
                longest: work.maxLength, usual: work.maxLength),
            wishes: wishes, machine: machine, adapters: work.adapters)
        let configuration = settings.configuration
        model.residency.limit(to: settings.memory)
        defer { model.residency.limit(to: nil) }
        let tasks = (0..<work.adapters).map { index in
            TrainingTask(
                configuration: configuration,
                training: randomBlocks(count, length: configuration.maxLength, seed: UInt64(index)), validation: [],
                dataDigest: "random")
        }
        let trainer = try Trainer(model: model, base: identity, tasks: tasks)

        let plan = MemoryPlan(
            model: model, trainer: trainer, machine: machine, residentWeights: settings.memory.weights)
        var share = ShareOfPeak(Self.numbers(work.precision))
        var loss = 0.0
        var rate = 0.0
        let observer = EventObserver { event, track in
            guard case .step(let step) = event else { return }
            loss = step.loss
            // All adapters take the step together, and each tells of its own tokens.
            rate = track === trainer.tracks.first ? step.tokensPerSecond : rate + step.tokensPerSecond
            if step.step > 1, track === trainer.tracks.last { share.note(rate: rate) }
        }
        try trainer.run(observer: observer)

        var report = BenchmarkReport(work: "train", rounds: share.rounds, precision: work.precision.rawValue)
        // Forward and dX, and forward once more where activations are computed again; the frozen weights need no gradient.
        let again = configuration.recomputedLayers(of: model.shape.layers)
        let linear = Double(linearWeights) * (4 + 2 * Double(again) / Double(model.shape.layers))
        let counted = Double(configuration.maxLength - 1) / Double(configuration.maxLength)
        let head = 4 * Double(headWeights) * counted
        report.flopsPerToken = linear
        report.headFlopsPerToken = head
        report.peakNumbers = "\(Self.numbers(work.precision))"
        report.peakGflops = share.peakGflops
        report.shareOfPeak = share.share(operations: linear + head)
        report.shareOfPeakLinears = share.share(operations: linear)
        report.training = BenchmarkReport.Training(
            adapters: work.adapters, batch: configuration.batch, maxLength: configuration.maxLength,
            rank: configuration.lora.rank,
            recomputedLayers: again,
            plannedMib: Double(plan.total) / 1_048_576,
            plannedPartsMib: Dictionary(
                plan.parts.map { ($0.name, Double($0.bytes) / 1_048_576) }, uniquingKeysWith: { $1 }),
            loss: loss)
        return report
    }

    /// Names the file by its path: hashing a large base would take longer than measuring it.
    var identity: BaseIdentity {
        BaseIdentity(
            id: BaseID(BLAKE2b.hash(Array(model.file.paths.joined(separator: "\n").utf8))), name: "benchmark",
            shape: model.shape)
    }

    private func randomBlocks(_ count: Int, length: Int, seed: UInt64) -> [Block] {
        (0..<count).map { index in
            let stream = RandomStream(seed: seed, path: UInt64(index))
            let vocabulary = UInt64(model.shape.vocabulary)
            return Block(
                tokens: (0..<length).map { Int32(stream.bits(at: UInt64($0)) % vocabulary) }, segments: [0..<length],
                trained: Array(repeating: true, count: length))
        }
    }
}
