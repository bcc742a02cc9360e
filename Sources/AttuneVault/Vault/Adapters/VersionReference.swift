// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Which version of which adapter a person means: `notes`, `notes@3`, `notes@-1` or `notes:LABEL`.
package struct VersionReference: Hashable, Sendable, CustomStringConvertible {
    /// How the version is picked among those of the adapter.
    package enum Selector: Hashable, Sendable {
        /// The version the name points at; also written `:live`.
        case head
        /// The version with this number.
        case number(Int)
        /// So many versions before the head, by number; at least 1.
        case back(Int)
        /// The version that carries this label.
        case label(String)
    }

    package let adapter: String
    package let selector: Selector

    package init(adapter: String, selector: Selector = .head) {
        self.adapter = adapter
        self.selector = selector
    }

    /// Reads what a person typed.
    ///
    /// - Throws: `VaultError` E-VAULT-024 (exit 64).
    package init(_ text: String) throws {
        let refused = VaultError.invalidReference(text)
        guard let mark = text.firstIndex(where: { $0 == "@" || $0 == ":" }) else {
            guard let name = AdapterName.normalized(text) else { throw refused }
            self.init(adapter: name)
            return
        }
        let rest = String(text[text.index(after: mark)...])
        guard let name = AdapterName.normalized(String(text[..<mark])) else { throw refused }
        if text[mark] == ":" {
            guard rest != AdapterName.liveLabel else {
                self.init(adapter: name)
                return
            }
            guard let label = AdapterName.normalized(rest) else { throw refused }
            self.init(adapter: name, selector: .label(label))
            return
        }
        // A sign in front of the digits other than the minus of `@-1` is refused, and so is more than fits.
        let digits = rest.hasPrefix("-") ? rest.dropFirst() : rest[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let count = Int(digits), count >= 1
        else { throw refused }
        self.init(adapter: name, selector: rest.hasPrefix("-") ? .back(count) : .number(count))
    }

    package var description: String {
        switch selector {
        case .head: adapter
        case .number(let number): "\(adapter)@\(number)"
        case .back(let count): "\(adapter)@-\(count)"
        case .label(let label): "\(adapter):\(label)"
        }
    }
}
