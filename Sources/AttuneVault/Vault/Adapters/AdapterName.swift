// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// What may name an adapter or a label.
package enum AdapterName {
    /// The label that every adapter has: its head.
    static let liveLabel = "live"

    /// Words with a meaning of their own on the command line.
    private static let reserved: Set<String> = ["base", liveLabel]

    /// The name in its one canonical spelling (Unicode form C), or nil if it cannot be a name.
    ///
    /// 1 to 64 letters, digits, dots, underscores and hyphens that can be seen; a letter or digit first; not a reserved
    /// word.
    package static func normalized(_ text: String) -> String? {
        let name = text.precomposedStringWithCanonicalMapping
        guard let first = name.first, first.isLetter || first.isNumber, name.utf8.count <= 256, name.count <= 64,
            name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" || $0 == "-" }),
            // A letter may have something invisible behind it.
            ShownText.isName(name, limit: 256),
            !reserved.contains(name.lowercased())
        else { return nil }
        return name
    }

    /// - Throws: `VaultError` E-VAULT-022.
    static func checked(_ text: String) throws -> String {
        guard let name = normalized(text) else { throw VaultError.invalidName(text) }
        return name
    }
}
