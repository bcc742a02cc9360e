// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One conversation.
package struct ChatRecord: Sendable, Equatable {
    /// Grows with each new conversation.
    package let id: Int64
    package let title: String
    package let created: Date
    /// Count of messages.
    package let messages: Int
    package let isTrashed: Bool
}
