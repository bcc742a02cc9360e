// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Testing

@testable import AttuneTraining

@Suite struct TrunkCacheTests {
    /// A store in memory that can be told to fail.
    private final class Store: TrunkStore {
        struct Full: Error {}
        var records: [[UInt8]] = []
        var reads = 0
        var capacity = Int.max
        var isBroken = false

        func append(_ bytes: UnsafeRawBufferPointer) throws -> Int {
            guard records.count < capacity else { throw Full() }
            records.append(Array(bytes))
            return records.count - 1
        }

        func read(_ index: Int, into bytes: UnsafeMutableRawBufferPointer) throws {
            if isBroken { throw Full() }
            reads += 1
            bytes.copyBytes(from: records[index])
        }
    }

    /// A base of four layers of which the last is adapted.
    private func tiny(_ precision: Precision = .float32) throws -> TinyRun {
        var tiny = try TinyRun(layers: 4)
        tiny.configuration.precision = precision
        tiny.configuration.lora.layers = [2, 3]
        tiny.configuration.epochs = 3
        return tiny
    }

    @Test(arguments: Precision.allCases) func aRunEndsInTheSameBytesWithAndWithout(precision: Precision) throws {
        let tiny = try tiny(precision)
        let plain = try tiny.run()
        let store = Store()
        let trainer = try tiny.trainer()
        let sizes = trainer.trunkRecords
        trainer.keepTrunk(in: store)
        let outcome = try trainer.runAlone()
        #expect(outcome.adapter.numbers == plain.adapter.numbers)
        #expect(outcome.summary.keptLoss == plain.summary.keptLoss)
        #expect(outcome.summary.baseLoss == plain.summary.baseLoss)
        #expect(store.records.count == 14)
        #expect(store.reads > 2 * 14)
        #expect(store.records.map(\.count).sorted() == sizes.sorted())
        #expect(trainer.trunkFailure == nil)
    }

    @Test func aStoreThatIsFullOrBreaksCostsOnlyTime() throws {
        let tiny = try tiny()
        let plain = try tiny.run()
        for capacity in [0, 5] {
            let store = Store()
            store.capacity = capacity
            let trainer = try tiny.trainer()
            trainer.keepTrunk(in: store)
            #expect(try trainer.runAlone().adapter.numbers == plain.adapter.numbers)
            #expect(trainer.trunkFailure != nil)
            #expect(store.records.count == capacity)
        }
        let store = Store()
        let trainer = try tiny.trainer()
        trainer.keepTrunk(in: store)
        let outcome = try trainer.runAlone {
            if case .step(let report) = $0, report.step == 9 { store.isBroken = true }
        }
        #expect(outcome.adapter.numbers == plain.adapter.numbers)
        #expect(trainer.trunkFailure != nil)
    }

    @Test func onlyWhatIsUsedAgainIsKept() throws {
        var once = try tiny()
        once.configuration.epochs = 1
        #expect(try once.trainer().trunkRecords.count == 3)
        once.validation = []
        #expect(try once.trainer().trunkRecords.isEmpty)
        var all = try tiny()
        all.configuration.lora.layers = [0, 3]
        #expect(try all.trainer().trunkRecords.isEmpty)
        let few = try tiny()
        let tokens = (few.training + few.validation).reduce(0) { $0 + $1.tokens.count }
        #expect(try few.trainer().trunkRecords.reduce(0, +) == 4 * 32 * tokens)
    }

    @Test func adaptersOfOneSessionShareTheStore() throws {
        let one = try tiny()
        var other = one
        other.training = (0..<5).map { TinyRun.block(start: 4 * $0 + 1, length: 10) }
        other.configuration.seed = 3
        other.configuration.lora.layers = [3]
        let tasks = [one.task(), other.task()]
        func trainer() throws -> Trainer { try Trainer(model: one.model, base: one.base, tasks: tasks) }
        let plain = try trainer().run()
        let store = Store()
        let kept = try trainer()
        kept.keepTrunk(in: store)
        #expect(try kept.run().map(\.adapter.numbers) == plain.map(\.adapter.numbers))
        #expect(store.records.count == 11 + 3 + 5 + 3)
    }
}
