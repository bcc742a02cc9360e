// Attune
// SPDX-License-Identifier: Apache-2.0

/// The kinds of failure of one part of Attune; a raw value is a stable code such as `E-VAULT-003`, never used again.
package protocol FailureKind: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
    /// What the code means and what a command ends with.
    var summary: FailureSummary { get }
}

/// What a code means, without the names and numbers of one failure.
package struct FailureSummary: Sendable {
    /// What a command ends with, unless a failure says otherwise.
    package let exit: ExitStatus
    /// What else a command ends with, for failures that say so.
    package let others: [ExitStatus]
    package let meaning: String

    package init(_ exit: ExitStatus, or others: [ExitStatus] = [], _ meaning: String) {
        self.exit = exit
        self.others = others
        self.meaning = meaning
    }
}

/// A failure of one part of Attune: of which kind, what and why, and what mends it.
///
/// A part names its failures in static functions, so that a message is written once.
package struct Failure<Kind: FailureKind>: AttuneError {
    package let kind: Kind
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus
    package let cause: (any Error)?

    /// - Parameter exit: nil takes that of the kind.
    package init(
        _ kind: Kind, _ message: String, remedy: String?, exit: ExitStatus? = nil,
        cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.message = message
        self.remedy = remedy
        self.exitStatus = exit ?? kind.summary.exit
        self.cause = cause
    }

    package var code: String { kind.rawValue }
}

extension Failure: Equatable {
    /// Compares what a person reads; the error underneath does not count.
    package static func == (one: Failure, other: Failure) -> Bool {
        (one.kind, one.message, one.remedy, one.exitStatus)
            == (other.kind, other.message, other.remedy, other.exitStatus)
    }
}
