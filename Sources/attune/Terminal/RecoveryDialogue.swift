// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
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
        do {
            for index in (0..<24).shuffled().prefix(3).sorted() {
                if try isConfirmed(list[index], number: index + 1) { continue }
                console.ask("")
                guard notice == nil else { throw GeneralError(.interrupted, "", remedy: nil) }
                return console.note("not confirmed. \(Self.remedy)")
            }
        } catch let error as GeneralError {
            guard notice == nil else {
                throw GeneralError(
                    .interrupted, "interrupted; nothing has changed", remedy: nil, exit: error.exitStatus)
            }
            throw GeneralError(
                .interrupted, "interrupted before the words were confirmed; they hold all the same",
                remedy: Self.remedy, exit: error.exitStatus)
        }
    }

    private static let remedy = "New words, should these get lost: attune key show --new-recovery --new-circle"

    /// Asks for a word until it is the right one; false at the end of the input.
    private func isConfirmed(_ word: String, number: Int) throws -> Bool {
        while let answer = try console.answer(to: "Word \(number): ") {
            if answer.trimmingCharacters(in: .whitespaces).lowercased() == word { return true }
            console.ask("That is not word \(number). Look again.")
        }
        return false
    }
}
