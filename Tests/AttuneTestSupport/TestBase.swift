// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Where the tests find the real base model and the peers' vectors.
package enum TestBase {
    /// SmolLM2-135M-Instruct Q4_1, put there by `tools/fetch-base`; `ATTUNE_TEST_BASE` overrides it.
    package static var path: String {
        get throws {
            let environment = ProcessInfo.processInfo.environment
            let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "/") + "/.cache"
            let path = environment["ATTUNE_TEST_BASE"] ?? cache + "/attune/SmolLM2-135M-Instruct.Q4_1.gguf"
            guard FileManager.default.fileExists(atPath: path) else { throw Missing(path: path) }
            return path
        }
    }

    /// The folder of the peers' vectors: `ATTUNE_VECTORS`, or the copy inside the package.
    package static var vectors: URL {
        if let folder = ProcessInfo.processInfo.environment["ATTUNE_VECTORS"] { return URL(filePath: folder) }
        return tests.appending(path: "Vectors")
    }

    /// The folder `Tests` of the package.
    package static var tests: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    }

    private struct Missing: Error, CustomStringConvertible {
        let path: String
        var description: String { "no base model at \(path): run tools/fetch-base" }
    }
}
