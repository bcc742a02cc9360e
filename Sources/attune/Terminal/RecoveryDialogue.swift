// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Shows the 24 recovery words once and asks three of them back.
struct RecoveryDialogue {
    let console: Console
    /// Whether a person is there to answer.
    let asks: Bool

    /// - Parameter notice: what holds until the words were asked back; nil if they count at once.
    func show(_ list: [String], notice: String? = nil) throws {
        console.ask("Recovery words. Write them on paper; they open the store when the passphrase is lost:")
        let width = Console.columns(of: STDERR_FILENO) ?? 80
        let columns = [4, 3, 2].first { 2 + 14 * $0 <= width } ?? 1
        for row in 0..<24 / columns {
            let cells = (0..<columns).map { column in
                let index = row * columns + column
                return String(format: "%2d. ", index + 1)
                    + list[index].padding(toLength: 10, withPad: " ", startingAt: 0)
            }
            console.ask("  " + cells.joined())
        }
        guard asks else { return }
        if let notice { console.ask(notice) }
        for index in (0..<24).shuffled().prefix(3).sorted() {
            while true {
                guard let answer = console.answer(to: "Word \(index + 1): ") else {
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
