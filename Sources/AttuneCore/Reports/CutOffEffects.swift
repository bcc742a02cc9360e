// Attune
// SPDX-License-Identifier: Apache-2.0

/// Tells what a person's adapters come to if entries of a device stop counting.
package struct CutOffEffects: Sendable, Equatable {
    /// Adapters, and versions of others such as `notes@2`, that go to the trash.
    package var trashed: [String] = []
    /// Those that go for good, since their bytes were not in use here.
    package var erased: [String] = []
    /// Adapters that come back from the trash.
    package var restored: [String] = []
    /// Adapters that are called otherwise, such as `stolen is notes`.
    package var renamed: [String] = []
    /// Names that point at another version, such as `notes at notes@1`.
    package var pointed: [String] = []

    package init() {}

    /// Names that a sentence spells out.
    private static let spelledNames = 8

    /// Says each kind of change in a sentence; empty if nothing changes.
    package var sentences: [String] {
        [
            Self.sentence("To the trash (attune trash list)", trashed),
            Self.sentence("Gone, since the bytes were not in use here", erased),
            Self.sentence("Back from the trash", restored), Self.sentence("Called otherwise", renamed),
            Self.sentence("Pointing elsewhere", pointed),
        ].compactMap(\.self)
    }

    private static func sentence(_ label: String, _ names: [String]) -> String? {
        guard !names.isEmpty else { return nil }
        let more = names.count - spelledNames
        let spelled = names.prefix(spelledNames).joined(separator: ", ")
        return "\(label): \(spelled)\(more > 0 ? ", and \(more) more" : "")."
    }
}
