// Attune
// SPDX-License-Identifier: Apache-2.0

extension QRCode {
    /// The symbol with its quiet zone, two rows of modules to a line of half blocks.
    ///
    /// - Parameter inverted: for dark terminals, where a printed block is the light module; true is usual.
    package func lines(inverted: Bool = true) -> [String] {
        let quiet = 4
        return stride(from: -quiet, to: size + quiet, by: 2).map { row in
            String(
                (-quiet..<size + quiet).map { column -> Character in
                    // A row below the quiet zone does not exist; it is drawn like the background.
                    let upper = self[row: row, column: column] != inverted
                    let lower = row + 1 < size + quiet ? self[row: row + 1, column: column] != inverted : false
                    return upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ")
                })
        }
    }
}
