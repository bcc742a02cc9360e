// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Where Attune keeps things, by the XDG base directory rules.
package struct Paths: Sendable {
    /// The encrypted store: `--store`, `ATTUNE_STORE`, or `$XDG_DATA_HOME/attune/store`.
    package let store: URL
    /// Base models, which are public files: `ATTUNE_BASES`, or `$XDG_DATA_HOME/attune/bases`.
    package let bases: URL
    /// Key files that `init --yes` makes: `$XDG_CONFIG_HOME/attune/keys`.
    package let keys: URL
    /// Downloads: `$XDG_CACHE_HOME/attune`.
    package let cache: URL

    package init(store: String?, environment: [String: String] = ProcessInfo.processInfo.environment) {
        let home = environment["HOME"] ?? NSHomeDirectory()
        func folder(_ variable: String, _ standard: String) -> URL {
            // The specification says that relative values are to be ignored.
            if let value = environment[variable], value.hasPrefix("/") { return URL(filePath: value) }
            return URL(filePath: home).appending(path: standard)
        }
        func own(_ variable: String) -> URL? {
            guard let value = environment[variable], !value.isEmpty else { return nil }
            return URL(filePath: value)
        }
        let data = folder("XDG_DATA_HOME", ".local/share").appending(path: "attune")
        if let store, !store.isEmpty {
            self.store = URL(filePath: store)
        } else {
            self.store = own("ATTUNE_STORE") ?? data.appending(path: "store")
        }
        bases = own("ATTUNE_BASES") ?? data.appending(path: "bases")
        keys = folder("XDG_CONFIG_HOME", ".config").appending(path: "attune/keys")
        cache = folder("XDG_CACHE_HOME", ".cache").appending(path: "attune")
    }
}
