// Attune
// SPDX-License-Identifier: Apache-2.0

/// SentencePiece encoding by scores (Kudo & Richardson 2018): adjacent symbols whose concatenation is the token
/// of the highest score join first, leftmost among equals.
struct SentencePieceEncoder: Sendable {
    private let vocabulary: Vocabulary
    /// For each id its place in the order of merging, lower first.
    private let priorities: [UInt32]
    private let fallbacks: [Int32?]
    /// Whether a text that begins, or follows a special token, gets a space before it.
    let addsSpacePrefix: Bool

    private static let wordMark: [UInt8] = [0xE2, 0x96, 0x81]

    init(_ definition: TokenizerDefinition, _ vocabulary: Vocabulary) throws(TokenizerError) {
        let count = vocabulary.count
        guard definition.scores.isEmpty || definition.scores.count == count else {
            throw .lengthMismatch("scores", definition.scores.count, tokens: count)
        }
        if let index = definition.scores.firstIndex(where: \.isNaN) {
            throw .unusableScores("that of token \(index) is not a number")
        }
        priorities =
            definition.scores.isEmpty ? Array(repeating: 0, count: count) : definition.scores.map(Self.priority)
        // Some files name the end of the text as the unknown token, and text may never yield that.
        let unknown = definition.unknown.flatMap { vocabulary.kinds[Int($0)] == .unknown ? $0 : nil }
        fallbacks = (UInt8.min...UInt8.max).map { vocabulary.byteFallback($0) ?? unknown }
        addsSpacePrefix = definition.addsSpacePrefix ?? true
        self.vocabulary = vocabulary
    }

    /// Appends the tokens of `bytes[range]`, a text without special tokens. Such a text always begins
    /// the whole or follows a special token, so it always takes the space.
    func encode(_ bytes: [UInt8], _ range: Range<Int>, into output: inout EncodedText) {
        var text = Symbols()
        if addsSpacePrefix { text.append(Self.wordMark, origin: range.lowerBound) }
        var position = range.lowerBound
        while position < range.upperBound {
            let length = ScannedText.scalar(in: bytes, at: position, limit: range.upperBound).length
            if bytes[position] == 0x20 {
                text.append(Self.wordMark, origin: position)
            } else {
                text.append(bytes[position..<position + length], origin: position)
            }
            position += length
        }
        merge(&text)
        for index in text.lengths.indices where text.lengths[index] > 0 {
            emit(text.bytes, text.range(index), origin: text.origins[index], into: &output)
        }
    }

    /// The symbols of one text: where each begins in the text with ▁ for space, its length, 0 once it has been
    /// merged into another, and where it begins in the text as given.
    private struct Symbols {
        var bytes: [UInt8] = []
        var starts: [Int] = []
        var lengths: [Int] = []
        var origins: [Int] = []

        func range(_ index: Int) -> Range<Int> { starts[index]..<starts[index] + lengths[index] }

        mutating func append(_ symbol: some Collection<UInt8>, origin: Int) {
            starts.append(bytes.count)
            lengths.append(symbol.count)
            origins.append(origin)
            bytes.append(contentsOf: symbol)
        }
    }

    private func merge(_ text: inout Symbols) {
        let count = text.lengths.count
        guard count > 1 else { return }
        var next = Array(1...count)
        var previous = Array(-1..<count - 1)
        var queue = MergeQueue()
        for index in 0..<count - 1 { push(index, index + 1, text, &queue) }
        while let entry = queue.pop() {
            let (left, right) = (entry.left, entry.right)
            guard text.lengths[left] == entry.leftValue, text.lengths[right] == entry.rightValue, next[left] == right
            else { continue }
            text.lengths[left] += text.lengths[right]
            text.lengths[right] = 0
            next[left] = next[right]
            if next[left] < count { previous[next[left]] = left }
            if previous[left] >= 0 { push(previous[left], left, text, &queue) }
            if next[left] < count { push(left, next[left], text, &queue) }
        }
    }

    private func push(_ left: Int, _ right: Int, _ text: Symbols, _ queue: inout MergeQueue) {
        let range = text.starts[left]..<text.starts[right] + text.lengths[right]
        guard range.count <= vocabulary.longest, let id = vocabulary.ids.find(text.bytes, range) else { return }
        queue.push(
            MergeQueue.Entry(
                priority: priorities[Int(id)], left: left, right: right, leftValue: text.lengths[left],
                rightValue: text.lengths[right]))
    }

    private func emit(_ bytes: [UInt8], _ range: Range<Int>, origin: Int, into output: inout EncodedText) {
        if let id = vocabulary.ids.find(bytes, range) {
            output.append(id, at: origin)
            return
        }
        var last: Int32?
        for index in range {
            guard let id = fallbacks[Int(bytes[index])] else { continue }
            // The bytes of one character that has no bytes in the vocabulary are one unknown token.
            if vocabulary.kinds[Int(id)] == .unknown && last == id { continue }
            output.append(id, at: origin)
            last = id
        }
    }

    /// A number that orders scores from the highest to the lowest.
    private static func priority(_ score: Float) -> UInt32 {
        // Adding zero makes −0 equal to 0, as it is among scores.
        let bits = (score + 0).bitPattern
        return bits >> 31 == 1 ? bits : 0x7FFF_FFFF - bits
    }
}
