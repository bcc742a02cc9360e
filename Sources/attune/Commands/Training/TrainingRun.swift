// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit

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
        let time = session.measure()
        try output.show(session, time: time, explain: explain, planOnly: planOnly)
        if planOnly { return }
        if global.canAsk {
            session.yieldStore()
            guard try global.console.confirm("Start?", standard: true) else { return }
        }

        let stop = output.stop
        let console = global.console
        let interruption = Interruption { _ in
            stop.request()
            console.note("\nfinishing this step; once more leaves at once")
        }
        output.names = session.parts.map(\.name)
        let ends = try session.train(stop: stop, timeLimit: timeLimit) {
            output.started($0)
        } onNews: {
            output.show($0, of: $1)
        }
        try output.show(ends)
        if ends.contains(where: \.isInterrupted) {
            throw ExitCode(interruption.exitCode == 0 ? 130 : interruption.exitCode)
        }
        if ends.contains(where: \.isDiverged) { throw ExitCode(ExitStatus.failure.rawValue) }
    }
}
