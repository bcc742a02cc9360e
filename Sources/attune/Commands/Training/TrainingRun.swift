// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneTraining

/// Shows the plan of a session, asks, trains and tells how it ended: what `train` and `runs resume` share.
struct TrainingRun {
    let session: TrainingSession
    let output: TrainingOutput
    let global: GlobalOptions
    var explain = false
    var planOnly = false
    var timeLimit: Double?

    func execute() throws {
        output.show(session, explain: explain)
        output.announce("measuring three steps")
        let time = try session.measure()
        try output.show(session, time: time, explain: explain, planOnly: planOnly)
        if planOnly { return }
        if global.canAsk {
            session.yieldStore()
            guard global.console.confirm("Start?", standard: true) else { return }
        }

        let stop = output.stop
        let console = global.console
        let interruption = Interruption { _ in
            stop.request()
            console.note("\nfinishing this step; once more leaves at once")
        }
        output.names = session.parts.map(\.name)
        let results = try session.run(stop: stop, timeLimit: timeLimit) {
            output.started($0)
        } onEvent: {
            output.show($0, of: $1)
        }
        try output.show(results, plan: session.memory)
        let reasons = results.map(\.outcome.summary.reason)
        if reasons.contains(.interrupted) {
            throw ExitCode(interruption.exitCode == 0 ? 130 : interruption.exitCode)
        }
        if reasons.contains(.diverged) { throw ExitCode(ExitStatus.failure.rawValue) }
    }
}
