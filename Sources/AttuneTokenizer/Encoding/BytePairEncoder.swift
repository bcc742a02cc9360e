// Attune
// SPDX-License-Identifier: Apache-2.0

/// Byte-level byte-pair encoding (Sennrich et al. 2016; over bytes, Radford et al. 2019).
///
/// Symbols are numbered like the vocabulary; what merges mention and no token stands for has numbers after it.
struct BytePairEncoder: Sendable {
    private let vocabulary: Vocabulary
    private let preTokenizer: PreTokenizer
    private var merges: MergeTable
    private var byteSymbols: [Int32]
    /// Bytes of the symbols that are no token.
    private var extras = ByteStrings()

    var addsBOS: Bool { preTokenizer.addsBOS }

    init(_ definition: TokenizerDefinition, _ vocabulary: Vocabulary) throws(TokenizerError) {
        self.vocabulary = vocabulary
        preTokenizer = try PreTokenizer(named: definition.pre)
        merges = MergeTable(capacity: definition.merges.count)
        byteSymbols = []
        var others = ByteTable()
        for byte in UInt8.min...UInt8.max { byteSymbols.append(symbol([byte], &others)) }
        for (index, merge) in definition.merges.enumerated() {
            let scalars = merge.unicodeScalars
            guard let space = scalars.dropFirst().firstIndex(of: " "), scalars.index(after: space) < scalars.endIndex
            else { throw .malformedMerge(index, merge) }
            let left = ByteAlphabet.decode(scalars[..<space])
            let right = ByteAlphabet.decode(scalars[scalars.index(after: space)...])
            guard let left, let right else {
                // Spelled with characters that stand for no byte: text never holds them, but the rank is used up.
                merges.skip()
                continue
            }
            let merged = symbol(left + right, &others)
            merges.append(symbol(left, &others), symbol(right, &others), makes: merged)
        }
    }

    /// Appends the tokens of `bytes[range]`, a text without special tokens.
    func encode(_ bytes: [UInt8], _ range: Range<Int>, into output: inout EncodedText) {
        let text = ScannedText(bytes, range)
        var work = BytePairWork()
        var start = range.lowerBound
        for end in preTokenizer.ends(text) {
            let piece = start..<text.offsets[end]
            start = piece.upperBound
            if preTokenizer.ignoresMerges || piece.count == 1, let id = vocabulary.ids.find(bytes, piece) {
                output.append(id, at: piece.lowerBound)
                continue
            }
            work.symbols.removeAll(keepingCapacity: true)
            for index in piece { work.symbols.append(byteSymbols[Int(bytes[index])]) }
            work.merge(merges)
            var position = piece.lowerBound
            for symbol in work.symbols { emit(symbol, bytes, &position, into: &output) }
        }
    }

    private func emit(_ symbol: Int32, _ bytes: [UInt8], _ position: inout Int, into output: inout EncodedText) {
        if Int(symbol) < vocabulary.count {
            output.append(symbol, at: position)
            position += vocabulary.pieces.length(Int(symbol))
            return
        }
        for _ in 0..<extras.length(Int(symbol) - vocabulary.count) {
            let single = byteSymbols[Int(bytes[position])]
            // A byte that the vocabulary lacks is left out, as llama.cpp does: the unknown token may end the text.
            if Int(single) < vocabulary.count {
                output.append(single, at: position)
            }
            position += 1
        }
    }

    private mutating func symbol(_ bytes: [UInt8], _ others: inout ByteTable) -> Int32 {
        if let id = vocabulary.ids.find(bytes) ?? others.find(bytes) { return id }
        let symbol = Int32(vocabulary.count + extras.count)
        extras.append(bytes)
        others.set(bytes, to: symbol)
        return symbol
    }
}

/// The symbols of one piece while they are merged; kept between pieces so that nothing is allocated for each.
struct BytePairWork {
    /// Before `merge` a symbol for each byte, after it the merged ones.
    var symbols: [Int32] = []
    /// Rank of the merge of symbol i with the next.
    private var ranks: [UInt32] = []
    private var next: [Int] = []
    private var previous: [Int] = []
    private var queue = MergeQueue()

    /// Longest piece for which looking through all ranks is faster than a queue.
    private static let shortPiece = 48

    /// Merges the pair of lowest rank, leftmost among equals, until no pair merges.
    mutating func merge(_ merges: MergeTable) {
        if symbols.count <= Self.shortPiece { mergeShort(merges) } else { mergeLong(merges) }
    }

    private mutating func mergeShort(_ merges: MergeTable) {
        guard symbols.count > 1 else { return }
        ranks.removeAll(keepingCapacity: true)
        for index in 0..<symbols.count - 1 { ranks.append(merges.rank(symbols[index], symbols[index + 1])) }
        while true {
            var best = MergeTable.none
            var place = 0
            for index in ranks.indices where ranks[index] < best {
                best = ranks[index]
                place = index
            }
            guard best != MergeTable.none else { return }
            symbols[place] = merges.merged[Int(best)]
            symbols.remove(at: place + 1)
            ranks.remove(at: place)
            if place > 0 { ranks[place - 1] = merges.rank(symbols[place - 1], symbols[place]) }
            if place < ranks.count { ranks[place] = merges.rank(symbols[place], symbols[place + 1]) }
        }
    }

    /// The same with a linked list and a queue: n log n for a piece of n bytes.
    private mutating func mergeLong(_ merges: MergeTable) {
        let count = symbols.count
        next = Array(1...count)
        previous = Array(-1..<count - 1)
        for index in 0..<count - 1 { push(index, index + 1, merges) }
        while let entry = queue.pop() {
            let (left, right) = (entry.left, entry.right)
            guard Int(symbols[left]) == entry.leftValue, Int(symbols[right]) == entry.rightValue,
                next[left] == right
            else { continue }
            symbols[left] = merges.merged[Int(entry.priority)]
            symbols[right] = -1
            next[left] = next[right]
            if next[left] < count { previous[next[left]] = left }
            if previous[left] >= 0 { push(previous[left], left, merges) }
            if next[left] < count { push(left, next[left], merges) }
        }
        symbols.removeAll { $0 < 0 }
    }

    private mutating func push(_ left: Int, _ right: Int, _ merges: MergeTable) {
        let rank = merges.rank(symbols[left], symbols[right])
        guard rank != MergeTable.none else { return }
        queue.push(
            MergeQueue.Entry(
                priority: rank, left: left, right: right, leftValue: Int(symbols[left]),
                rightValue: Int(symbols[right])))
    }
}
