// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// The line that says how far a long piece of work has come.
final class ProgressLine {
    private let console: Console
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var last: ContinuousClock.Instant

    init(console: Console) {
        self.console = console
        last = .now
    }

    /// At most ten times a second on a terminal, every ten seconds elsewhere.
    func show(_ progress: BackupProgress) {
        guard ContinuousClock.now - last >= (isTerminal ? .milliseconds(100) : .seconds(10)) else { return }
        last = .now
        let text = progress.total > 0 ? "\(progress.what) \(progress.done)/\(progress.total)" : progress.what
        if isTerminal { console.progress(text) } else { console.note(text) }
    }

    func end() { console.progress("") }
}
