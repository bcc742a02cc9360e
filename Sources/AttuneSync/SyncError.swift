// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong while a device syncs.
package struct SyncError: AttuneError {
    package let code: String
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus
    package let cause: (any Error)?

    package init(
        code: String, message: String, remedy: String?, exitStatus: ExitStatus, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.exitStatus = exitStatus
        self.cause = cause
    }
}
