// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneTensor

/// How many threads compute.
struct ThreadOption: ParsableArguments {
    @Option(help: "Threads; the cores that are free by default, and never more than can run at once.")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    }

    /// Sets the threads of this process, and says so where there are fewer than asked for.
    func apply(_ console: Console) {
        guard let threads else { return }
        let most = Kernels.mostThreads
        Kernels.configure(threads: min(threads, most))
        if threads > most { console.note("\(threads) threads asked for, \(most) used: no more can run at once here") }
    }
}
