// Attune
// SPDX-License-Identifier: Apache-2.0

/// What every error of Attune says: a stable code, what failed and why, and the command that mends it.
///
/// `Failure` is the one for all parts.
package protocol AttuneError: Error, CustomStringConvertible, Sendable {
    /// Stable code such as `E-VAULT-003`; never reused for another failure.
    var code: String { get }
    /// What failed and why, one sentence without a final full stop.
    var message: String { get }
    /// What to run or do next, one sentence; nil only where nothing helps.
    var remedy: String? { get }
    /// The exit code a command ends with when this error reaches it.
    var exitStatus: ExitStatus { get }
    /// The error underneath, if there is one.
    var cause: (any Error)? { get }
}

extension AttuneError {
    package var cause: (any Error)? { nil }

    /// Whether what was read is not what it should be, so that a reader can leave it out and go on with the rest.
    package var isOfData: Bool { [.invalidData].contains(exitStatus) }
    /// Whether it may go away by itself: the network, another process, a full disk, a part that is still to come.
    package var isPassing: Bool { [.network, .storeLocked, .doesNotFit, .partial].contains(exitStatus) }

    package var description: String {
        var text = "\(code) \(ShownText.line(message))"
        if let cause { text += " (\(cause))" }
        if let remedy { text += "\n  \(ShownText.line(remedy))" }
        return text
    }
}
