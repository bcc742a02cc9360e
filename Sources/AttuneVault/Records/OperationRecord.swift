// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One entry of the operation log.
package struct OperationRecord: Sendable, Equatable {
    /// What an operation did.
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case addVersion = "add-version"
        case rename
        case copy
        case label
        case rollback
        case trash
        case restore
        case purge
    }

    /// Grows with each operation; the order of the log.
    package let sequence: Int64
    package let time: Date
    package let kind: Kind
    /// One line such as `rename notes to diary`.
    package let description: String
    /// True once `undo` reverted it.
    package let isUndone: Bool
    /// True if `undo` could revert it.
    package let canBeUndone: Bool
}
