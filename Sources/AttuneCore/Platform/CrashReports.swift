// Attune
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What a process says when it ends by a crash.
package enum CrashReports {
    /// Leaves crashes to the kernel: Swift's own handler, which is there without being asked for, would print registers
    /// and the memory that they point at to standard error, and so to a journal.
    ///
    /// Called once at start. Signals that whoever started the process ignores stay ignored.
    package static func disable() {
        for number in [SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SIGSYS]
        where !Signals.isIgnored(number) {
            signal(number, SIG_DFL)
        }
    }
}
