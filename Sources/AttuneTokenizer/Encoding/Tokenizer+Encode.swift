// Attune
// SPDX-License-Identifier: Apache-2.0

extension Tokenizer {
    /// The token ids of a text.
    ///
    /// With `special: .refused`, the default, spellings of control tokens in the text stay text. `addBOS` puts the
    /// beginning-of-text token in front, unless the text already begins with it.
    package func encode(_ text: String, special: SpecialTokens = .refused, addBOS: Bool = false) -> [Int32] {
        let bytes = Array(text.utf8)
        let ids = encode(bytes, trusted: special == .parsed ? [0..<bytes.count] : []).ids
        guard addBOS, let bos, ids.first != bos else { return ids }
        return [bos] + ids
    }

    /// The token ids of a prompt of several segments, which are split and merged as the one text they make.
    ///
    /// A control token is found only where its whole spelling lies in markup.
    package func encode(segments: [PromptSegment]) -> [Int32] {
        encodeWithStarts(segments).ids
    }

    /// As `encode(segments:)`, with the byte of the whole text at which each token begins.
    func encodeWithStarts(_ segments: [PromptSegment]) -> EncodedText {
        var bytes: [UInt8] = []
        var trusted: [Range<Int>] = []
        for segment in segments {
            let start = bytes.count
            bytes.append(contentsOf: segment.text.utf8)
            guard case .markup = segment, bytes.count > start else { continue }
            if let last = trusted.last, last.upperBound == start {
                trusted[trusted.count - 1] = last.lowerBound..<bytes.count
            } else {
                trusted.append(start..<bytes.count)
            }
        }
        return encode(bytes, trusted: trusted)
    }

    private func encode(_ bytes: [UInt8], trusted: [Range<Int>]) -> EncodedText {
        var output = EncodedText()
        var position = 0
        func encodeText(to end: Int) {
            guard position < end else { return }
            switch encoder {
            case .bytePair(let encoder): encoder.encode(bytes, position..<end, into: &output)
            case .sentencePiece(let encoder): encoder.encode(bytes, position..<end, into: &output)
            }
        }
        for match in specials.matches(in: bytes, trusted: trusted) {
            encodeText(to: match.range.lowerBound)
            output.append(match.id, at: match.range.lowerBound)
            position = match.range.upperBound
        }
        encodeText(to: bytes.count)
        return output
    }
}

/// A part of a prompt, which is encoded as one text with its neighbours.
package enum PromptSegment: Hashable, Sendable {
    /// Text of the template: the spellings of control tokens in it are those tokens.
    case markup(String)
    /// Text of a person, a document or the model: it never yields a control token.
    case content(String)

    /// The text of the segment, whatever its kind.
    package var text: String {
        switch self {
        case .markup(let text), .content(let text): text
        }
    }
}

/// Token ids, with the place in the text where each begins.
struct EncodedText {
    private(set) var ids: [Int32] = []
    /// Byte offset at which each token begins.
    private(set) var starts: [Int] = []

    mutating func append(_ id: Int32, at start: Int) {
        ids.append(id)
        starts.append(start)
    }
}
