// Attune
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Synchronization

/// Turns Ctrl-C and SIGTERM into a question that long work asks itself; a second signal ends the process at once.
final class Interruption: @unchecked Sendable {  // `sources` is immutable, `received` atomic
    private let received = Atomic<Int32>(0)
    private let sources: [any DispatchSourceSignal]

    /// - Parameter onFirst: Called on a background queue at the first signal.
    init(onFirst: @escaping @Sendable (Int32) -> Void = { _ in }) {
        let queue = DispatchQueue(label: "attune.signals")
        var sources: [any DispatchSourceSignal] = []
        var handlers: [(any DispatchSourceSignal, Int32)] = []
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            sources.append(source)
            handlers.append((source, number))
        }
        self.sources = sources
        for (source, number) in handlers {
            source.setEventHandler { [weak self] in self?.receive(number, onFirst) }
            source.resume()
        }
    }

    deinit {
        for source in sources { source.cancel() }
        // From here on a signal ends the process again, as before.
        for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }

    /// Whether a signal has come.
    var requested: Bool { received.load(ordering: .acquiring) != 0 }

    /// The exit code that goes with the signal: 130 or 143; 0 when none came.
    var exitCode: Int32 {
        let number = received.load(ordering: .acquiring)
        return number == 0 ? 0 : 128 + number
    }

    private func receive(_ number: Int32, _ onFirst: @Sendable (Int32) -> Void) {
        if received.exchange(number, ordering: .acquiringAndReleasing) != 0 { _exit(128 + number) }
        onFirst(number)
    }
}
