// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Finds the word that a misspelled one was probably meant to be.
enum NearestWord {
    /// The nearest of `words` within two edits (one for words of four letters or fewer), the first of several; letters'
    /// case does not count. nil if none is near or `word` is itself among them.
    static func nearest(to word: String, among words: [String]) -> String? {
        let letters = Array(word.lowercased().utf8.prefix(33))
        guard letters.count <= 32, !words.contains(word) else { return nil }
        var best: (word: String, distance: Int)?
        for candidate in words {
            let target = Array(candidate.utf8)
            let distance = letters.editDistance(to: target)
            guard distance <= (min(target.count, letters.count) <= 4 ? 1 : 2), distance < best?.distance ?? .max else {
                continue
            }
            best = (candidate, distance)
        }
        return best?.word
    }
}
