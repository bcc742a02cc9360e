// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

@testable import AttuneTraining

@Suite struct CheckpointTests {
    struct Vectors: Decodable {
        let header: String
        let bytes: HexBytes
    }

    private func sample() throws -> [UInt8] {
        let stop = StopFlag()
        let outcome = try TinyRun().trainer().runAlone(stop: stop, onEvent: { if case .step = $0 { stop.request() } })
        return try #require(outcome.checkpoint).encoded()
    }

    private func read(_ bytes: [UInt8]) throws -> Checkpoint {
        try bytes.withUnsafeBytes { try Checkpoint(encoded: $0) }
    }

    @Test func checkpointsReadBackToTheSameBytes() throws {
        let bytes = try sample()
        let checkpoint = try read(bytes)
        #expect(try checkpoint.encoded() == bytes)
        #expect(checkpoint.state.step == 1)
        #expect(checkpoint.state.updates == 1)
        #expect(checkpoint.adapter.configuration == checkpoint.configuration.lora)
    }

    @Test func aCheckpointMadeElsewhereIsReadAndWrittenAgainToTheSameBytes() throws {
        let vectors: Vectors = try SchemaVectors.load("checkpoint")
        let checkpoint = try read(vectors.bytes.bytes)
        let configuration = TrainingConfiguration(
            lora: checkpoint.manifest.configuration, epochs: 3, learningRate: 2e-4, maxLength: 512, batch: 4)
        #expect(checkpoint.configuration == configuration)
        #expect(checkpoint.state.step == 3)
        #expect(checkpoint.state.bestLoss == 3.5)
        #expect(checkpoint.parameters.values.values == (0..<18).map { Float($0) / 8 })
        guard case .full(let m, let v) = checkpoint.moments else {
            Issue.record("moments of 8 bits")
            return
        }
        #expect(m.values.values == (0..<18).map { Float($0) / 16 })
        #expect(v.values.values == (0..<18).map { Float($0) / 32 })
        #expect(checkpoint.best.values.values == (0..<18).map { -Float($0) / 8 })
        let bytes = try checkpoint.encoded()
        let head = 16 + vectors.header.utf8.count
        #expect(String(decoding: bytes[16..<head], as: UTF8.self) == vectors.header)
        #expect(bytes == vectors.bytes.bytes)
    }

    @Test func configurationsFromBeforeTheChoiceOfAnOptimizerMeanAdamW() throws {
        var configuration = TrainingConfiguration(
            lora: LoRAConfiguration(rank: 1, alpha: 1, layers: [0]), epochs: 1, learningRate: 1, maxLength: 8, batch: 1)
        let old = try JSONEncoder().encode(configuration)
        #expect(!String(decoding: old, as: UTF8.self).contains("optimizer"))
        #expect(try JSONDecoder().decode(TrainingConfiguration.self, from: old).optimizer == .adamw)
        configuration.optimizer = .adamw8bit
        let new = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(TrainingConfiguration.self, from: new) == configuration)
    }

    @Test func truncatedOrLongerCheckpointsAreRefused() throws {
        let bytes = try sample()
        for count in [0, 4, 8, 11, 16, 40, 500, bytes.count / 2, bytes.count - 1] {
            #expect(throws: TrainingError.self) { try read(Array(bytes[..<count])) }
        }
        #expect(throws: TrainingError.self) { try read(bytes + [0]) }
    }

    @Test func hugeCountsAreRefusedWithoutAllocation() throws {
        var bytes = try sample()
        bytes.replaceSubrange(12..<16, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: TrainingError.self) { try read(bytes) }
    }

    @Test func numbersThatAreNotFiniteAreRefused() throws {
        var bytes = try sample()
        bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0x80, 0x7F])
        #expect(throws: TrainingError.self) { try read(bytes) }
    }

    @Test func damagedHeadersNeverTrap() throws {
        let bytes = try sample()
        let stream = RandomStream(seed: 4)
        for round in 0..<600 {
            var copy = bytes
            for hit in 0..<2 {
                let bits = stream.bits(at: UInt64(2 * round + hit))
                copy[Int(bits % 2500)] = UInt8(truncatingIfNeeded: bits >> 40)
            }
            if let checkpoint = try? read(copy) { _ = try? TinyRun().trainer(checkpoint: checkpoint) }
        }
    }
}
