// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import AttuneTraining

/// A model of a few thousand parameters with data that it can learn, for tests of the trainer.
struct TinyRun {
    let model: BaseModel
    let base: BaseIdentity
    var configuration: TrainingConfiguration
    var training: [Block]
    var validation: [Block]

    /// A model of `layers` layers, stored as `type`.
    static func file(type: BlockType = .q8_0, layers: Int = 2) -> SyntheticGGUF {
        SyntheticGGUF(
            layers: layers, width: 32, feedForward: 64, heads: 2, keyValueHeads: 1, vocabulary: 96, type: type)
    }

    init(type: BlockType = .q8_0, layers: Int = 2) throws {
        let folder = try TemporaryDirectory()
        let path = try Self.file(type: type, layers: layers).write(to: folder)
        try self.init(model: withExtendedLifetime(folder) { try BaseModel(path: path) })
    }

    init(model: BaseModel) throws {
        self.model = model
        let layers = model.shape.layers
        base = BaseIdentity(id: .filled(3), name: "tiny", shape: model.shape)
        configuration = TrainingConfiguration(
            lora: LoRAConfiguration(rank: 2, alpha: 4, layers: Array(0..<layers)), epochs: 2, learningRate: 0.02,
            maxLength: 24, batch: 2)
        configuration.precision = .float32
        configuration.patience = 0
        configuration.evaluateEvery = 3
        training = (0..<11).map { Self.block(start: $0, length: 9 + $0 % 5) }
        validation = (0..<3).map { Self.block(start: 3 * $0 + 1, length: 12) }
    }

    /// Token t is followed by t + 3: a rule that a few steps of training pick up.
    static func block(start: Int, length: Int) -> Block {
        let tokens = (0..<length).map { Int32((start * 7 + $0 * 3) % 96) }
        let cut = length / 2
        return Block(
            tokens: tokens, segments: [0..<cut, cut..<length],
            trained: (0..<length).map { $0 % 4 != 3 })
    }

    func task(checkpoint: Checkpoint? = nil, start: Adapter? = nil, digest: String = "d") -> TrainingTask {
        TrainingTask(
            configuration: configuration, training: training, validation: validation, dataDigest: digest,
            start: start, checkpoint: checkpoint)
    }

    func trainer(checkpoint: Checkpoint? = nil, start: Adapter? = nil, digest: String = "d") throws -> Trainer {
        try Trainer(model: model, base: base, tasks: [task(checkpoint: checkpoint, start: start, digest: digest)])
    }

    func run(_ onEvent: @escaping (TrainingEvent) -> Void = { _ in }) throws -> TrainingOutcome {
        try trainer().runAlone(onEvent: onEvent)
    }
}

/// Hands everything on to closures.
struct ClosureObserver: TrainingObserver {
    var onEvent: (TrainingEvent, TrainingTrack) -> Void
    var onCheckpoint: (Checkpoint) throws -> Void = { _ in }
    var onOutcome: (TrainingOutcome, TrainingTrack) throws -> Void = { _, _ in }

    func note(_ event: TrainingEvent, of track: TrainingTrack) { onEvent(event, track) }
    func save(_ checkpoint: Checkpoint, of track: TrainingTrack) throws { try onCheckpoint(checkpoint) }
    func conclude(_ outcome: TrainingOutcome, of track: TrainingTrack) throws { try onOutcome(outcome, track) }
}

extension Trainer {
    /// Runs the only adapter there is.
    @discardableResult
    func runAlone(
        stop: StopFlag = StopFlag(), timeLimit: Double? = nil, onEvent: @escaping (TrainingEvent) -> Void = { _ in },
        onCheckpoint: @escaping (Checkpoint) throws -> Void = { _ in }
    ) throws -> TrainingOutcome {
        try run(
            stop: stop, timeLimit: timeLimit,
            observer: ClosureObserver(onEvent: { event, _ in onEvent(event) }, onCheckpoint: onCheckpoint))[0]
    }

    /// The only adapter there is.
    var track: TrainingTrack { tracks[0] }
}

extension Adapter {
    var numbers: [Float] { parameters.values.values }
}
