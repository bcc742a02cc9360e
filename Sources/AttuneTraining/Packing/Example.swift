// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTokenizer

/// One row as the model sees it: token ids, and which of them are learned.
package struct Example: Sendable {
    /// Token ids, in order.
    package let tokens: [Int32]
    /// As many as `tokens`: token i counts as a target where its place in a block has a token before it.
    package let trained: [Bool]
    package let source: DataSource

    package init(tokens: [Int32], trained: [Bool], source: DataSource) {
        precondition(tokens.count == trained.count)
        self.tokens = tokens
        self.trained = trained
        self.source = source
    }

    /// Whether something after the first token is only read, as a question is.
    var hasGivenText: Bool { trained.dropFirst().contains(false) }

    /// The stretches of tokens that are learned.
    var learnedRuns: [Range<Int>] {
        var runs: [Range<Int>] = []
        for index in trained.indices where trained[index] {
            if let last = runs.last, last.upperBound == index {
                runs[runs.count - 1] = last.lowerBound..<index + 1
            } else {
                runs.append(index..<index + 1)
            }
        }
        return runs
    }

    /// Count of tokens that are predicted and learned when the example stands alone: the first is never a target.
    package var targetCount: Int { trained.dropFirst().count { $0 } }
}

/// Turns rows into tokens and says which are learned.
///
/// Control tokens are never parsed out of what a person wrote.
package struct ExampleEncoder: Sendable {
    private let tokenizer: Tokenizer
    private let template: ChatTemplate

    package init(tokenizer: Tokenizer, template: ChatTemplate) {
        self.tokenizer = tokenizer
        self.template = template
    }

    /// Encodes a row and keeps where it came from.
    package func encode(_ row: Dataset.Row) -> Example { encode(row.row, source: row.source) }

    /// Encodes one row.
    ///
    /// - text: all tokens and the end-of-document token after them; all learned but a leading BOS.
    /// - completion: tokens of prompt and completion joined, then the end token. Learned from the first token that
    ///   differs from the prompt's own tokens, since the two may merge where they meet.
    /// - chat: the model's chat template; assistant text and the end-of-turn token after it are learned.
    package func encode(_ row: DataRow, source: DataSource) -> Example {
        switch row {
        case .text(let text):
            let tokens = tokenizer.encode(text, addBOS: tokenizer.addsBOS) + [tokenizer.endOfDocument]
            return example(tokens, learnedFrom: leadingBOS(tokens), source)
        case .completion(let prompt, let completion):
            let given = tokenizer.encode(prompt, addBOS: tokenizer.addsBOS)
            let whole = tokenizer.encode(prompt + completion, addBOS: tokenizer.addsBOS)
            let start = max(Self.commonPrefix(given, whole), leadingBOS(whole))
            return example(whole + [tokenizer.eos ?? tokenizer.endOfDocument], learnedFrom: start, source)
        case .chat(let messages):
            let whole = template.tokens(messages, addGenerationPrompt: false, tokenizer: tokenizer)
            return Example(tokens: whole.ids, trained: whole.trained, source: source)
        case .chatCompletion(let prompt, let completion):
            let given = template.tokens(prompt, addGenerationPrompt: true, tokenizer: tokenizer)
            let whole = template.tokens(prompt + completion, addGenerationPrompt: false, tokenizer: tokenizer)
            let start = Self.commonPrefix(given.ids, whole.ids)
            let trained = whole.trained.enumerated().map { $0.element && $0.offset >= start }
            return Example(tokens: whole.ids, trained: trained, source: source)
        }
    }

    private func example(_ tokens: [Int32], learnedFrom start: Int, _ source: DataSource) -> Example {
        Example(tokens: tokens, trained: tokens.indices.map { $0 >= start }, source: source)
    }

    private func leadingBOS(_ tokens: [Int32]) -> Int {
        tokenizer.addsBOS && tokens.first == tokenizer.bos && tokenizer.bos != nil ? 1 : 0
    }

    private static func commonPrefix(_ left: [Int32], _ right: [Int32]) -> Int {
        zip(left, right).prefix { $0 == $1 }.count
    }
}
