// Attune
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How this process takes signals.
package enum Signals {
    /// Whether a signal is ignored, as whoever started the process may have wished: nohup has SIGHUP ignored.
    package static func isIgnored(_ number: Int32) -> Bool {
        var current = sigaction()
        guard sigaction(number, nil, &current) == 0 else { return false }
        // Functions cannot be compared, addresses can.
        let (handler, ignored): (sighandler_t?, sighandler_t?) = (current.__sigaction_handler.sa_handler, SIG_IGN)
        return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(ignored, to: Int.self)
    }
}
