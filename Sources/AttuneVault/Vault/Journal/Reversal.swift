// Attune
// SPDX-License-Identifier: Apache-2.0

/// How to revert one operation, as the log keeps it (JSON).
///
/// Adapters are given by their hexadecimal ids and versions by their rows, which never change.
enum Reversal: Codable, Equatable {
    case rename(adapter: String, to: String)
    case moveHead(adapter: String, to: Int64)
    /// Puts the label back on `version`, or takes it away where there was none.
    case label(adapter: String, name: String, version: Int64?)
    /// Puts something into the trash: the inverse of a restore and of a copy.
    case trash(kind: TrashEntry.Kind, subject: String)
    /// Takes something out of the trash.
    case restore(kind: TrashEntry.Kind, subject: String)
    /// Puts an adapter that was restored under another name back into the trash under the name it had there.
    case trashRenamed(adapter: String, name: String)
    /// Takes a version away and points the head at `head`; without one, the whole adapter goes to the trash.
    case removeVersion(adapter: String, version: Int64, head: Int64?)

    /// True if it cannot be done once this version is erased.
    func mentions(version row: Int64) -> Bool {
        switch self {
        case .moveHead(_, let target): target == row
        case .label(_, _, let target): target == row
        case .trash(.version, let subject), .restore(.version, let subject): subject == "\(row)"
        case .removeVersion(_, let version, let head): version == row || head == row
        case .rename, .trash, .restore, .trashRenamed: false
        }
    }
}
