// Attune
// SPDX-License-Identifier: Apache-2.0

/// Turns tokens into text as they are generated.
///
/// Text is given out as soon as it can no longer change: the last bytes wait while they are the beginning of a
/// character, and the last characters while they could be the beginning of a stop string. Unlike
/// `Tokenizer.decode` it keeps the leading space of a SentencePiece text, which may continue a prompt.
package struct StreamingDecoder {
    /// Whether a stop string has appeared; all text from its beginning on is dropped.
    package private(set) var stopped = false

    private let tokenizer: Tokenizer
    private let stops: [[UInt8]]
    /// Bytes that are the beginning of a character.
    private var partial: [UInt8] = []
    /// Whole characters that could be the beginning of a stop string.
    private var held: [UInt8] = []

    /// Starts a text that ends before the first of `stops`; empty ones are ignored.
    package init(_ tokenizer: Tokenizer, stops: [String] = []) {
        self.tokenizer = tokenizer
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
    }

    /// Takes the next token and returns the text that is now certain, possibly none.
    package mutating func append(_ id: Int32) -> String {
        guard !stopped, !tokenizer.isControl(id) else { return "" }
        partial.append(contentsOf: tokenizer.bytes(of: id))
        let whole = partial.count - UTF8Boundary.incompleteSuffix(of: partial)
        take(partial.prefix(whole))
        partial.removeFirst(whole)
        return release(all: false)
    }

    /// Ends the text and returns what was held back.
    package mutating func finish() -> String {
        guard !stopped else { return "" }
        take(partial[...])
        partial.removeAll()
        return release(all: true)
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) {
        held.append(contentsOf: String(decoding: bytes, as: UTF8.self).utf8)
    }

    private mutating func release(all: Bool) -> String {
        var end = held.count
        if let stop = earliestStop() {
            stopped = true
            end = stop
        } else if !all {
            end -= heldSuffix()
        }
        let text = String(decoding: held.prefix(end), as: UTF8.self)
        held.removeFirst(stopped ? held.count : end)
        return text
    }

    private func earliestStop() -> Int? {
        held.indices.first { index in stops.contains { held[index...].starts(with: $0) } }
    }

    /// Length of the longest ending of `held` that is the beginning of a stop string.
    private func heldSuffix() -> Int {
        let longest = min(held.count, (stops.map(\.count).max() ?? 0) - 1)
        guard longest > 0 else { return 0 }
        for length in stride(from: longest, through: 1, by: -1) {
            let suffix = held.suffix(length)
            if stops.contains(where: { $0.starts(with: suffix) }) { return length }
        }
        return 0
    }
}
