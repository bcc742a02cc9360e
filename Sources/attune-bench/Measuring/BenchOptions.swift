// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneModel
import AttuneTensor
import Foundation

/// The options of every benchmark of a base.
struct BenchOptions: ParsableArguments {
    @Option(help: "A model file (GGUF).") var base: String
    @Option(help: "Threads; the cores that are free by default, and never more than can run at once.") var threads: Int?
    @Flag(help: "Print JSON (it always does).") var json = false

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    }

    /// Opens the base, with the threads that were asked for.
    func benchmark(rounds: Int, cacheType: CacheType = .f16) throws -> Benchmark {
        guard (1...100_000).contains(rounds) else { throw ValidationError("1 to 100000 rounds can be measured") }
        if let threads { Kernels.configure(threads: min(threads, Kernels.mostThreads)) }
        return Benchmark(model: try BaseModel(path: base), rounds: rounds, cacheType: cacheType)
    }

    /// Writes a result as one line.
    static func print(_ value: some Encodable) throws {
        Swift.print(String(decoding: try JSON.encoder.encode(value), as: UTF8.self))
    }
}

extension CacheType: ExpressibleByArgument {}
