// Attune
// SPDX-License-Identifier: Apache-2.0

import CSodium
import Glibc

/// Keeps secrets of this process away from core dumps, debuggers and other users' eyes.
package enum ProcessHardening {
    /// No core dumps, no attaching by other processes of the user, and files for the user only (umask 077).
    ///
    /// Called once at start, before other threads run. A container that forbids one of the steps is no reason to stop:
    /// the result is false if a step failed. Swapped memory and hibernation images remain.
    @discardableResult
    package static func apply() -> Bool {
        umask(0o077)
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        let noCore = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0
        return attune_set_undumpable() == 0 && noCore
    }
}
