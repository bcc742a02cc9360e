// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import Foundation

/// `attune paths`
struct PathsCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "paths", abstract: "Show where Attune keeps things.")

    @OptionGroup var global: GlobalOptions

    func execute() throws {
        let paths = global.paths
        let rows = [
            ("store", paths.store.path), ("bases", paths.bases.path), ("keys", paths.keys.path),
            ("cache", paths.cache.path),
        ]
        if global.json {
            try global.console.print(Dictionary(uniqueKeysWithValues: rows))
        } else {
            for (name, path) in rows {
                global.console.print(name.padding(toLength: 8, withPad: " ", startingAt: 0) + path)
            }
        }
    }
}
