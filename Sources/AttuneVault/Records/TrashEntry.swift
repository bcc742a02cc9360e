// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Something that was removed and can still be brought back.
package struct TrashEntry: Sendable, Equatable {
    /// What kind of thing lies in the trash.
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case adapter
        case version
        case run
        case chat
    }

    /// Grows with each removal; the order of the trash.
    package let sequence: Int64
    package let kind: Kind
    /// Name when it was removed: `notes`, `notes@3`, the run's id, the chat's title.
    package let name: String
    package let trashed: Date

    let subject: String
}
