// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The command `attune`.
@main
struct Attune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attune", abstract: "A language model that knows your writing, and keeps it to itself.",
        version: "0.1.0")
}
