// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// One message of a conversation.
package struct MessageRecord: Sendable, Equatable {
    /// Who speaks.
    package enum Role: String, Sendable, Codable, CaseIterable {
        case system
        case user
        case assistant
    }

    package let role: Role
    package let content: String
    /// The adapter version that answered; nil for people and for the base alone.
    package let version: VersionID?
    package let created: Date
}
