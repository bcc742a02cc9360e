// Attune
// SPDX-License-Identifier: Apache-2.0

/// Finds the word that a misspelled one was probably meant to be.
enum NearestWord {
    /// The nearest of `words` within two edits (one for words of four letters or fewer), the first of several; letters'
    /// case does not count. nil where none is near or `word` is itself among them.
    ///
    /// An edit inserts, removes or replaces a letter, or swaps two neighbours.
    static func nearest(to word: String, among words: [String]) -> String? {
        let letters = Array(word.lowercased().utf8.prefix(33))
        guard letters.count <= 32, !words.contains(word) else { return nil }
        var best: (word: String, distance: Int)?
        for candidate in words {
            let target = Array(candidate.utf8)
            let distance = distance(letters, target)
            guard distance <= (min(target.count, letters.count) <= 4 ? 1 : 2), distance < best?.distance ?? .max else {
                continue
            }
            best = (candidate, distance)
        }
        return best?.word
    }

    /// Optimal string alignment distance.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var above = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            for j in right.indices {
                var cost = min(above[j] + (left[i] == right[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, before[j - 1] + 1)
                }
                row.append(cost)
            }
            before = above
            above = row
        }
        return above[right.count]
    }
}
