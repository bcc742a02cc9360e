// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong with keys, seals and sealed formats.
package struct CryptoError: AttuneError {
    package let code: String
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus

    package init(code: String, message: String, remedy: String?, exitStatus: ExitStatus) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.exitStatus = exitStatus
    }
}
