// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync
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
    func show(_ progress: SyncProgress) {
        let pause = isTerminal ? Duration.milliseconds(100) : .seconds(10)
        let isDue = last.withLock { last in
            guard ContinuousClock.now - last >= pause else { return false }
            last = .now
            return true
        }
        guard isDue else { return }
        if isTerminal {
            console.progress(Self.text(progress))
        } else if progress.waiting != nil ? saysWaiting : progress.chunksTotal > 0 {
            console.note(Self.text(progress))
        }
    }

    func end() { console.progress("") }

    private static func text(_ progress: SyncProgress) -> String {
        if let waiting = progress.waiting { return "waiting, next try in \(waiting) s" }
        var text =
            "sent \(Quantity.text(bytes: progress.bytesSent)), received \(Quantity.text(bytes: progress.bytesReceived))"
        if progress.chunksTotal > 0 { text = "chunk \(progress.chunksDone)/\(progress.chunksTotal), " + text }
        if progress.rate > 0 { text += ", \(Quantity.text(bytes: progress.rate))/s" }
        if let left = progress.secondsLeft { text += ", \(Format.duration(Double(left))) left" }
        return text
    }
}
