// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Cuts a text into the pieces inside which byte-level BPE may merge.
///
/// Each model family has one regular expression, or several in sequence, each applied to the pieces of the one
/// before. What no expression matches is a piece as well.
struct PreTokenizer: Sendable {
    private let rules: [any SplitRule]
    /// Whether a whole piece that is a token is taken without merging.
    let ignoresMerges: Bool
    /// Whether a text begins with the beginning-of-text token where the file does not say.
    let addsBOS: Bool

    /// The pre-tokenizer that a file names in `tokenizer.ggml.pre`; throws for an unknown name.
    init(named name: String?) throws(TokenizerError) {
        let name = name ?? "default"
        guard let family = Self.families.first(where: { $0.names.contains(name) }) else {
            throw .unknownPreTokenizer(name)
        }
        rules = family.rules
        ignoresMerges = family.ignoresMerges || Self.wholePieces.contains(name)
        addsBOS = family.addsBOS
    }

    /// Every known name.
    static var names: [String] { families.flatMap(\.names).sorted() }

    /// Ends of the pieces of a text, as scalar indices, ascending; the last is the end of the text.
    func ends(_ text: ScannedText) -> [Int] {
        var ends = text.count == 0 ? [] : [text.count]
        for rule in rules {
            var next: [Int] = []
            next.reserveCapacity(max(ends.count, text.count / 4))
            var start = 0
            for end in ends {
                rule.split(text, start..<end, into: &next)
                start = end
            }
            ends = next
        }
        return ends
    }

    private struct Family: Sendable {
        let names: [String]
        let rules: [any SplitRule]
        var ignoresMerges = false
        var addsBOS = false
    }

    private static let wholePieces: Set<String> = ["glm4"]

    private static let families: [Family] = [
        Family(
            names: ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
            rules: [ClassRule(classes: .number, maximum: 1), GPT2Rule()]),
        Family(
            names: ["gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "modern-bert", "exaone4"],
            rules: [GPT2Rule()]),
        Family(
            names: ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "lfm2"],
            rules: [Llama3Rule()], ignoresMerges: true, addsBOS: true),
        Family(names: ["dbrx", "smaug-bpe", "chatglm-bpe", "glm4"], rules: [Llama3Rule()]),
        Family(
            names: ["qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan"], rules: [Llama3Rule(digits: 1)]),
        Family(names: ["qwen35"], rules: [Llama3Rule(digits: 1, word: [.letter, .mark])]),
        Family(names: ["tekken"], rules: [TekkenRule()], ignoresMerges: true, addsBOS: true),
        Family(names: ["gpt-4o", "llama4"], rules: [TekkenRule(digits: 3, contractions: true)]),
        Family(
            names: ["deepseek-v3", "hunyuan-dense"],
            rules: [
                // Chinese ideographs, Hiragana and Katakana.
                ClassRule(classes: .number, maximum: 3), RangeRule(ranges: [0x4E00...0x9FA5, 0x3040...0x30FF]),
                DeepSeek3Rule(),
            ]),
        Family(
            names: ["deepseek-coder"],
            rules: [
                ClassRule(classes: .newline, maximum: 1), SpacedClassRule(classes: .letter),
                SpacedClassRule(classes: .punctuation),
                RangeRule(ranges: [0x4E00...0x9FA5, 0x0800...0x4E00, 0xAC00...0xD7FF]),
                ClassRule(classes: .number, maximum: 1),
            ]),
        Family(
            names: ["falcon"],
            rules: [ClassRule(classes: .punctuation, others: symbols("$+<=>^~|`")), GPT2Rule(), ThreeDigitRule()]),
        Family(
            names: ["default"],
            rules: [
                ClassRule(classes: .punctuation, others: symbols("$+<=>^~|")), GPT2Rule(),
                ClassRule(classes: .number), ThreeDigitRule(),
            ]),
    ]

    private static func symbols(_ text: String) -> Set<UInt32> { Set(text.unicodeScalars.map(\.value)) }
}

/// `[0-9][0-9][0-9]`
struct ThreeDigitRule: SplitRule {
    func matchEnd(_ text: ScannedText, from start: Int, limit: Int) -> Int? {
        guard start + 3 <= limit, text.scalars[start..<start + 3].allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return start + 3
    }
}

extension TokenizerError {
    /// The file names a pre-tokenizer for which there is no scanner.
    static func unknownPreTokenizer(_ name: String) -> TokenizerError {
        TokenizerError(
            .unknownPreTokenizer,
            "the model splits its text by the pre-tokenizer \"\(shortened(name))\", which is not known here",
            remedy: "Add a base with one of these with `attune base add FILE`: "
                + PreTokenizer.names.joined(separator: ", ") + ".")
    }
}
