// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What happens while sync goes on by itself.
package enum SyncWatchEvent: Sendable {
    /// It began with this remote, or began again with other settings; its name for people.
    case started(remote: String, name: String)
    /// A run was complete; `report.movedAnything` says whether it had anything to do.
    case synced(SyncReport)
    /// Something stands in the way; the next try comes after so many seconds, or with the next change.
    case waiting(any AttuneError, seconds: Int)
    /// A person paused sync.
    case paused
}
