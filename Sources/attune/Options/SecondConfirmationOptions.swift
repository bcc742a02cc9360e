// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

/// The options of what one device cannot do alone: the recovery words or a second device agree.
struct SecondConfirmationOptions: ParsableArguments {
    @Option(help: "A file with the recovery words, where they are needed.") var wordsFile: String?
    @Option(help: "A file that another device of the circle wrote, in place of the recovery words.")
    var confirmation: String?
    @Option(help: "Only agree that another device does this: write that into this new file.")
    var writeConfirmation: String?

    /// Whether the recovery words are typed, and nothing is given in their place.
    var isTyped: Bool { wordsFile == nil && confirmation == nil && writeConfirmation == nil }

    /// What the second device wrote, or else the recovery words, which are asked for.
    func read(_ global: GlobalOptions) throws -> SecondConfirmation {
        if let confirmation { return try SecondConfirmation.read(confirmation) }
        return try SecondConfirmation.read(words: global.recoveryWords(file: wordsFile))
    }
}
