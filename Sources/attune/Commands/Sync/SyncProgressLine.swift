// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import Foundation
import Synchronization

/// The line that says how far a sync has come.
final class SyncProgressLine: Sendable {
    private let console: Console
    /// Whether it is said elsewhere too that a remote does not answer and is tried again.
    private let saysWaiting: Bool
    private let last = Mutex(ContinuousClock.now - .seconds(60))
    private let isTerminal = isatty(STDERR_FILENO) == 1

    init(console: Console, saysWaiting: Bool) {
        self.console = console
        self.saysWaiting = saysWaiting
    }

    /// At most ten times a second on a terminal, every ten seconds elsewhere.
    func show(_ step: SyncStep) {
        let pause = isTerminal ? Duration.milliseconds(100) : .seconds(10)
        let isDue = last.withLock { last in
            guard ContinuousClock.now - last >= pause else { return false }
            last = .now
            return true
        }
        guard isDue else { return }
        if isTerminal {
            console.progress(Self.text(step))
        } else if step.waiting != nil ? saysWaiting : step.isTransfer {
            console.note(Self.text(step))
        }
    }

    func end() { console.progress("") }

    private static func text(_ step: SyncStep) -> String {
        if let waiting = step.waiting { return "waiting, next try in \(waiting) s" }
        return step.text + (step.secondsLeft.map { ", \(Quantity.text(seconds: Double($0))) left" } ?? "")
    }
}
