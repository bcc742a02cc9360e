// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Testing

@Suite struct EditDistanceTests {
    /// The definition: every way to end both words, the shortest of them.
    private func defined(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int {
        guard let a = left.last, let b = right.last else { return left.count + right.count }
        var ways = [
            defined(left.dropLast(), right) + 1, defined(left, right.dropLast()) + 1,
            defined(left.dropLast(), right.dropLast()) + (a == b ? 0 : 1),
        ]
        if left.count > 1, right.count > 1, left.dropLast().last == b, right.dropLast().last == a {
            ways.append(defined(left.dropLast(2), right.dropLast(2)) + 1)
        }
        return ways.min() ?? 0
    }

    @Test func distanceIsTheShortestWayForAllShortWords() {
        var words: [[UInt8]] = [[]]
        for length in 0..<4 {
            words += words.filter { $0.count == length }.flatMap { word in (1...3).map { word + [$0] } }
        }
        for left in words.indices where left % 3 == 0 {
            for right in words[..<min(words.count, 60)] {
                #expect(words[left].editDistance(to: right) == defined(words[left][...], right[...]))
            }
        }
    }

    @Test(arguments: [("train", "tarin", 1), ("", "sync", 4), ("adapters", "adaptors", 1), ("ask", "task", 1)])
    func swappedLettersAreOneEdit(_ left: String, _ right: String, edits: Int) {
        #expect(Array(left).editDistance(to: Array(right)) == edits)
        #expect(Array(right).editDistance(to: Array(left)) == edits)
    }
}
