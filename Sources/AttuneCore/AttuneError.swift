// Attune
// SPDX-License-Identifier: Apache-2.0

/// What every error of Attune says: a stable code, what failed and why, and the command that mends it.
///
/// Each subsystem has one struct that conforms, with static factories named after the failure.
package protocol AttuneError: Error, CustomStringConvertible, Sendable {
    /// Stable code such as `E-VAULT-003`; never reused for another failure.
    var code: String { get }
    /// What failed and why, one sentence without a final full stop.
    var message: String { get }
    /// What to run or do next, one sentence; nil only where nothing helps.
    var remedy: String? { get }
    /// The exit code a command ends with when this error reaches it.
    var exitStatus: ExitStatus { get }
    /// The error underneath, where there is one.
    var cause: (any Error)? { get }
}

extension AttuneError {
    package var cause: (any Error)? { nil }

    package var description: String {
        var text = "\(code) \(ShownText.line(message))"
        if let cause { text += " (\(cause))" }
        if let remedy { text += "\n  \(ShownText.line(remedy))" }
        return text
    }
}
