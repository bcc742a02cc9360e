// Attune
// SPDX-License-Identifier: Apache-2.0

/// One message of a conversation.
package struct ChatMessage: Codable, Hashable, Sendable {
    /// Who speaks.
    package enum Role: String, Codable, Sendable, CaseIterable {
        case system, user, assistant, tool
    }

    package var role: Role
    package var content: String

    package init(role: Role, content: String) {
        self.role = role
        self.content = content
    }
}
