// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import Foundation
import Testing

/// Where things are kept, by the XDG base directory rules.
@Suite struct PathsTests {
    @Test func theRulesOfXDGAreFollowed() {
        let plain = Paths(store: nil, environment: ["HOME": "/h"])
        #expect(plain.store.path == "/h/.local/share/attune/store")
        #expect(plain.bases.path == "/h/.local/share/attune/bases")
        #expect(plain.keys.path == "/h/.config/attune/keys")
        #expect(plain.cache.path == "/h/.cache/attune")
        let set = Paths(
            store: nil,
            environment: ["HOME": "/h", "XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "relative", "XDG_CACHE_HOME": "/c"])
        #expect(set.store.path == "/d/attune/store")
        #expect(set.keys.path == "/h/.config/attune/keys")
        #expect(set.cache.path == "/c/attune")
    }

    @Test func theFlagComesBeforeTheVariable() {
        let environment = ["HOME": "/h", "ATTUNE_STORE": "/v", "ATTUNE_BASES": "/b"]
        #expect(Paths(store: "/f", environment: environment).store.path == "/f")
        #expect(Paths(store: nil, environment: environment).store.path == "/v")
        #expect(Paths(store: nil, environment: environment).bases.path == "/b")
        #expect(Paths(store: "", environment: ["HOME": "/h", "ATTUNE_STORE": ""]).store.path.hasPrefix("/h/"))
    }
}
