// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a relay asks of the kernel before it serves.
enum ProcessLimits {
    /// As many descriptors as are allowed, no core files, and writes to closed sockets as errors.
    ///
    /// - Returns: how many descriptors that is.
    static func apply() -> Int {
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        return Int(clamping: limit.rlim_cur)
    }
}
