// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// Why a relay refuses a request, or cannot serve it: a stable code and the HTTP status it is answered with.
package struct RelayError: AttuneError {
    package let kind: RelayFailure
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus
    package let cause: (any Error)?
    /// HTTP status of the answer.
    package let status: Int
    /// Further fields of the answer, such as `Retry-After`.
    package let fields: [String: String]

    package init(
        _ kind: RelayFailure, _ status: Int, _ message: String, remedy: String?, exit: ExitStatus? = nil,
        fields: [String: String] = [:], cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.status = status
        self.message = message
        self.remedy = remedy
        self.exitStatus = exit ?? kind.summary.exit
        self.fields = fields
        self.cause = cause
    }

    package var code: String { kind.rawValue }
}
