// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneTensor

/// What is trained.
struct TrainingWorkOptions: ParsableArguments {
    @Option(help: "Rows of a step.") var batch = 4
    @Option(help: "Tokens of a row.") var maxLen = 512
    @Option(help: "Inner width R of the adapter of all linear layers.") var rank = 16
    @Option(help: "bfloat16 or float32.") var precision = Precision.bfloat16
    @Option(help: "Use at most so much memory, such as 4G.") var memoryLimit: String?

    func validate() throws {
        guard (1...4096).contains(batch) else { throw ValidationError("--batch must be 1 to 4096") }
        guard (2...1 << 20).contains(maxLen) else { throw ValidationError("--max-len must be 2 to 1048576") }
    }

    var work: Benchmark.TrainingWork {
        get throws {
            var work = Benchmark.TrainingWork(batch: batch, maxLength: maxLen, rank: rank, precision: precision)
            if let memoryLimit {
                guard let bytes = Quantity.bytes(memoryLimit) else {
                    throw ValidationError("--memory-limit takes a size such as 4G; not \(memoryLimit)")
                }
                work.memoryLimit = bytes
            }
            return work
        }
    }
}

extension Precision: ExpressibleByArgument {}
