// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Why a relay refuses a request, or cannot serve it: a stable code and the HTTP status it is answered with.
package struct RelayError: AttuneError {
    package let code: String
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus
    package let cause: (any Error)?
    /// HTTP status of the answer.
    package let status: Int
    /// Further fields of the answer, such as `Retry-After`.
    package let fields: [String: String]

    package init(
        _ code: String, _ status: Int, _ message: String, remedy: String?, exit: ExitStatus = .failure,
        fields: [String: String] = [:], cause: (any Error)? = nil
    ) {
        self.code = code
        self.status = status
        self.message = message
        self.remedy = remedy
        self.exitStatus = exit
        self.fields = fields
        self.cause = cause
    }
}
