// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import AttuneKit
import Foundation

/// Shows the 24 recovery words once and asks three of them back.
struct RecoveryDialogue {
    let console: Console
    /// Whether a person is there to answer.
    let asks: Bool

    func show(_ words: borrowing RecoveryWords) throws {
        let list = words.words
        console.ask("Recovery words. Write them on paper; they open the store when the passphrase is lost:")
        for row in 0..<6 {
            let cells = (0..<4).map { column in
                let index = row * 4 + column
                return String(format: "%2d. ", index + 1)
                    + list[index].padding(toLength: 10, withPad: " ", startingAt: 0)
            }
            console.ask("  " + cells.joined())
        }
        guard asks else { return }
        for index in (0..<24).shuffled().prefix(3).sorted() {
            while true {
                console.ask("Word \(index + 1): ", terminator: "")
                guard let answer = readLine() else {
                    console.ask("")
                    return console.note(
                        "not confirmed; new words, should these get lost: attune key show --new-recovery")
                }
                if answer.trimmingCharacters(in: .whitespaces).lowercased() == list[index] { break }
                console.ask("That is not word \(index + 1). Look again.")
            }
        }
    }
}
