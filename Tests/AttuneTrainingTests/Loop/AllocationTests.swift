// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import CAllocationCounter
import Foundation
import Testing

@testable import AttuneTraining

@Suite(.enabled(if: allocation_counter_works() != 0)) struct AllocationTests {
    @Test func theCounterSeesWhatSwiftAllocates() {
        allocation_counter_start()
        let numbers = [Int](repeating: 1, count: 100)
        let count = allocation_counter_stop()
        #expect(count > 0)
        #expect(numbers.count == 100)
    }

    @Test(arguments: [Optimizer.adamw, .adamw8bit])
    func aStepAllocatesNothing(optimizer: Optimizer) throws {
        var tiny = try TinyRun()
        tiny.configuration.optimizer = optimizer
        tiny.configuration.lora.rank = 64
        tiny.configuration.precision = .bfloat16
        tiny.configuration.accumulation = 2
        let trainer = try tiny.trainer()
        var counts: [Int64] = []
        for _ in 0..<3 {
            var step = trainer.prepareStep(trainer.tracks)
            allocation_counter_start()
            try trainer.take(&step)
            counts.append(allocation_counter_stop())
            #expect(step.results[0].isFinite)
            #expect(step.results[0].tokens > 0)
        }
        // The first steps take scratch memory that stays. Without optimisation the iterators of generic code are boxes.
        #if DEBUG
            let limit = 900
        #else
            let limit = 0
        #endif
        let count = counts[2]
        #expect(count <= limit, "\(counts), \((0..<min(count, 8)).map { caller($0) }.joined(separator: "\n--\n"))")
    }

    private func caller(_ index: Int64) -> String {
        guard let text = allocation_counter_caller(index) else { return "" }
        defer { free(text) }
        return String(cString: text)
    }
}
