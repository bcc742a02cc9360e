// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// A name and what it stands for.
package struct AdapterRecord: Sendable, Equatable {
    /// Stays the same through renames.
    package let id: AdapterID
    package let name: String
    /// BLAKE2b-256 of the base model's file.
    package let base: BaseID
    /// The version the name points at; nil only if all its versions were undone.
    package let head: VersionRecord?
    /// Count of versions that are not in the trash.
    package let versions: Int
    /// Bytes of all those versions as they are stored.
    package let size: Int
    package let created: Date
    package let isTrashed: Bool
}
