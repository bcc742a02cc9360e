// Attune
// SPDX-License-Identifier: Apache-2.0

extension Array where Element: Equatable {
    /// Counts the letters that have to be put in, left out, changed or swapped with the next one to make `other` of this.
    ///
    /// The optimal string alignment distance; in time of the product of both counts.
    package func editDistance(to other: [Element]) -> Int {
        var before: [Int] = []
        var above = [Int](0...other.count)
        for i in indices {
            var row = [i + 1]
            for j in other.indices {
                var cost = Swift.min(above[j] + (self[i] == other[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, self[i] == other[j - 1], self[i - 1] == other[j] {
                    cost = Swift.min(cost, before[j - 1] + 1)
                }
                row.append(cost)
            }
            before = above
            above = row
        }
        return above[other.count]
    }
}
