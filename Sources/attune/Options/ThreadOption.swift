// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

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
        let used = Processor.use(threads: threads)
        if threads > used { console.note("\(threads) threads asked for, \(used) used: no more can run at once here") }
    }
}
